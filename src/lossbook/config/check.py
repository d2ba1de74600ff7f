"""Whether the choices fit together: a pure function of the config, without torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from lossbook.config import structure
from lossbook.config.options import Options, conf_folder
from lossbook.config.ranges import range_problems
from lossbook.data.schema import TARGET_KINDS, Schema
from lossbook.errors import Problem, UserError, nearest
from lossbook.losses.contract import Contract, read
from lossbook.optim.checks import problems as optimizer_problems
from lossbook.optim.schedules.checks import problems as schedule_problems

_USUAL = ("cross_entropy", "bce_logits", "mse", "poisson_nll")
ACCELERATORS = ("auto", "cpu", "gpu", "cuda")
_EVALUATED = ("seed", "data.", "model.")  # what an evaluation reads
# groups whose values are compared with one another, which takes values within their ranges
_COMPARED = ("optim.", "param_groups.", "scheduler.", "trainer.", "model.")


def check(config: Mapping[str, Any], options: Options | None = None, *, trains: bool = True) -> Contract:
    """Hold a config against the contract of its loss, the ranges of its values, and what its optimizer can do.

    Args:
        config: whole and resolved, as plain containers.
        options: where data that would fit is looked for; our own ``conf`` where None.
        trains: whether it is to be trained; an evaluation does not ask how a checkpoint came about.

    Returns:
        The contract.

    Raises:
        UserError: everything that does not fit, at once.
    """
    options = options or Options([conf_folder()])
    if problems := structure.problems(config, options):
        raise UserError(*problems)
    choices = config.get("choices", {})
    contract = read(str(choices.get("loss", "loss")), config["loss"])
    ranges = range_problems(config, options.declared(choices))
    ranges = [problem for problem in ranges if trains or _key(problem).startswith(_EVALUATED)]
    outside = set(map(_key, ranges))
    problems = [*_kind(contract, config, options), *_model(config), *_embedding(contract, config)]
    problems += [*_inputs(config), *_accelerator(config)]
    stated = {"inputs": contract.inputs, "activation": contract.activation, "mean_over": contract.mean_over}
    whole = {**config, "loss": {**stated, **config["loss"]}}  # what is left out has its default, which rules hold too
    problems += [problem for rule in contract.rules for problem in rule.problems(whole)]
    problems = [*(problem for problem in problems if _key(problem) not in outside), *ranges]
    if trains and not any(key.startswith(_COMPARED) for key in outside):
        problems += [*optimizer_problems(config), *schedule_problems(config)]
    problems += _ckpt_lr(config)
    if problems:
        raise UserError(*problems)
    return contract


def fitting(contract: Contract, options: Options) -> list[str]:
    """The data options that a loss accepts, those that need no files first."""
    stated = {name: options.stated(f"data/{name}")[0] for name in options.names("data")}
    fits = [name for name, data in stated.items() if accepts(contract, data)]
    return sorted(fits, key=lambda name: "root" in stated[name])


def losses_for(data: Mapping[str, Any], options: Options) -> list[str]:
    """The losses that accept the data of this config node, the usual ones first."""
    found = []
    for name in options.names("loss"):
        with suppress(UserError):  # a user's own that is wrong in itself
            if accepts(read(name, options.stated(f"loss/{name}")[0]), data):
                found.append(name)
    return sorted(found, key=lambda name: name not in _USUAL)


def accepts(contract: Contract, data: Mapping[str, Any]) -> bool:
    """Whether a loss accepts the data of this config node: its target kind, and its number of views."""
    kind = data.get("target")
    return kind in contract.accepts and (kind in ("pair", "triplet") or data.get("views", 1) == contract.views)


def _kind(contract: Contract, config: Mapping[str, Any], options: Options) -> Iterable[Problem]:
    data = config["data"]
    if accepts(contract, data):
        return
    if data.get("target") not in TARGET_KINDS:
        near = nearest(str(data.get("target")), TARGET_KINDS)
        rule = f"The kinds of targets are {', '.join(TARGET_KINDS)}."
        yield Problem(f"data.target={data.get('target')}", rule, f"data.target={near or 'class'}")
        return
    kind, views = data.get("target"), data.get("views", 1)
    name = config.get("choices", {}).get("data", "...")
    if kind in contract.accepts:
        given = f"loss={contract.name} with {views} view{'s' if views != 1 else ''} of each sample (data={name})."
        rule = f"{contract.name} takes {contract.views} view{'s' if contract.views != 1 else ''}."
    else:
        given = f"loss={contract.name} with data={name}, whose targets are of the kind '{kind}'."
        rule = f"{contract.name} takes targets of the kind {' or '.join(contract.accepts)}."
    keys = {override.lstrip("+~").partition("=")[0] for override in config.get("overrides") or ()}
    losses = losses_for(data, options) if "data" in keys and not keys & {"loss", "experiment"} else []
    fits = [f"loss={name}" for name in losses] or [f"data={name}" for name in fitting(contract, options)]
    if kind in contract.accepts and "data.views" in keys:
        fits = [f"data.views={contract.views}"]
    yield Problem(given, rule, " or ".join(fits[:6]))


def _inputs(config: Mapping[str, Any]) -> Iterable[Problem]:
    takes, kind = config["model"].get("takes"), config["data"].get("inputs", "numbers")
    if takes is None or kind in takes:
        return
    choices = config.get("choices", {})
    yield Problem(
        f"model={choices.get('model', '...')} with data={choices.get('data', '...')}, whose inputs are {kind}.",
        f"This model takes {' or '.join(takes)}.",
        "model=bag" if kind == "tokens" else "model=cnn or model=mlp, or data=digit_tokens",
    )


def _model(config: Mapping[str, Any]) -> Iterable[Problem]:
    gives = config["model"].get("gives")
    if config["data"].get("target", "class") not in TARGET_KINDS:
        return
    wants = Schema(config["data"].get("target", "class"), (), 0).output if gives is not None else None
    if gives is None or wants in gives:
        return
    name = config.get("choices", {}).get("model", "...")
    fix = {"vector": "model=cnn or model=mlp", "dense": "model=unet", "sequence": "model=crnn"}
    yield Problem(
        f"model={name} with targets of the kind '{config['data']['target']}'.",
        f"This model gives {' or '.join(gives)} outputs; these targets want a {wants} one.",
        fix[str(wants)],
    )


def _key(problem: Problem) -> str:
    """The key that a problem is about: one of which a range says that it is wrong needs no second message."""
    return problem.given.lstrip("+").partition("=")[0]


def _accelerator(config: Mapping[str, Any]) -> Iterable[Problem]:
    given = config.get("trainer", {}).get("accelerator", "auto")
    if given not in ACCELERATORS:
        rule = "Losses and metrics add up in float64, which only processors and GPUs of CUDA's or ROCm's have."
        fix = " or ".join(f"trainer.accelerator={name}" for name in ACCELERATORS[:3])
        yield Problem(f"trainer.accelerator={given}", rule, fix)


def _embedding(contract: Contract, config: Mapping[str, Any]) -> Iterable[Problem]:
    width = config["model"].get("embedding_dim")
    encoding = contract.accepts.get(config["data"].get("target", ""), {})
    if width is not None and encoding and encoding["name"] != "embedding":
        yield Problem(
            f"model.embedding_dim={width} with loss={contract.name}.",
            "The output's width follows from the targets here; only losses that train an embedding leave it open.",
            "model.embedding_dim=null",
        )


def _ckpt_lr(config: Mapping[str, Any]) -> Iterable[Problem]:
    whose = config.get("ckpt_lr", "config")
    if whose not in ("config", "checkpoint"):
        rule = "It says whose learning rates count where they differ."
        yield Problem(f"ckpt_lr={whose}", rule, "ckpt_lr=config or ckpt_lr=checkpoint")
    elif whose == "checkpoint" and config.get("ckpt") is None:
        yield Problem("ckpt_lr=checkpoint without ckpt.", "There is no checkpoint to take them from.", "ckpt=PATH")
