"""Whether the choices fit together: a pure function of the config, without torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from lossbook.config import structure, training_batches
from lossbook.config.options import Options, conf_folder
from lossbook.config.other_class import left_over
from lossbook.config.ranges import range_problems
from lossbook.config.terms import contract_of
from lossbook.errors import Problem, UserError, nearest, typed
from lossbook.losses.contract import SEVERAL, Contract, Term
from lossbook.losses.reading import read
from lossbook.metrics.keys import metric_problems
from lossbook.models.input_kinds import input_kind
from lossbook.optim.checks import problems as optimizer_problems
from lossbook.optim.schedules.checks import problems as schedule_problems
from lossbook.targets import KINDS

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
    unsaid = left_over(config, options) & {"takes", "gives"}
    config = {**config, "model": {key: value for key, value in config["model"].items() if key not in unsaid}}
    contract = read(str(choices.get("loss", "loss")), config["loss"])
    ranges = range_problems(config, options.declared(choices))
    ranges = [problem for problem in ranges if trains or _key(problem).startswith(_EVALUATED)]
    outside = set(map(_key, ranges))
    problems = [*_kind(contract, config, options), *_model(config, options), *_embedding(contract, config)]
    problems += [
        *_inputs(config),
        *_weights(config["model"]),
        *_accelerator(config),
        *training_batches.problems(contract, config, targets_of(config["data"])),
        *metric_problems(config.get("metrics"), targets_of(config["data"])),
    ]
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
            if accepts(contract_of(name, options), data):
                found.append(name)
    return sorted(found, key=lambda name: _USUAL.index(name) if name in _USUAL else len(_USUAL))


def targets_of(data: Mapping[str, Any]) -> dict[str, str]:
    """Return the kinds of the targets in a data node by their names; a single one has the empty name."""
    stated = data.get("target")
    return {str(name): str(kind) for name, kind in stated.items()} if isinstance(stated, Mapping) else {"": str(stated)}


def kind_of(data: Mapping[str, Any]) -> str:
    """Return what ``loss.primary`` calls the targets of a data node: a kind, or ``several``."""
    targets = targets_of(data)
    return targets.get("", SEVERAL)


def accepts(contract: Contract, data: Mapping[str, Any]) -> bool:
    """Whether a loss accepts the data of this config node: its target kinds, and its number of views."""
    targets = targets_of(data)
    terms = contract.terms_for(targets)
    fits = all(term.target in targets and targets[term.target] in term.contract.accepts for term in terms)
    if not fits or (contract.terms and "" in targets and targets[""] not in contract.accepts):
        return False
    if any(name not in {term.target for term in terms} for name in targets):
        return False
    given = any(KINDS[kind].inputs > 1 for kind in targets.values())
    return given or data.get("views", 1) == contract.views


def _kind(contract: Contract, config: Mapping[str, Any], options: Options) -> Iterable[Problem]:
    data, targets = config["data"], targets_of(config["data"])
    unknown = next((kind for kind in targets.values() if kind not in KINDS), None)
    if unknown is not None:
        rule = f"The kinds of targets are {', '.join(KINDS)}."
        yield Problem(f"data.target={data.get('target')}", rule, f"data.target={nearest(unknown, KINDS) or 'class'}")
        return
    if accepts(contract, data):
        return
    terms = contract.terms_for(targets)
    lost = [term for term in terms if term.target not in targets]
    if any(term.target for term in lost) or (lost and targets.keys() <= {term.target for term in terms}):
        yield from (_without_target(term, targets) for term in lost)
        return
    if "" not in targets:
        yield _of_several(contract, targets, config, options)
        return
    if contract.terms and targets[""] not in contract.accepts:
        yield _of_terms(contract, targets[""], config, options)
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


def _of_terms(contract: Contract, kind: str, config: Mapping[str, Any], options: Options) -> Problem:
    """The refusal of a sum whose terms do not share the data's kind of target and its encoding."""
    each = []
    for term in contract.terms:
        encoding = term.contract.accepts.get(kind)
        takes = f"{kind} as {encoding['name']}" if encoding else " or ".join(term.contract.accepts)
        each.append(f"{term.name} takes {takes}")
    rule = f"Terms on one target must take its kind, here {kind}, in the same encoding."
    data = config.get("choices", {}).get("data", "...")
    fix = " or ".join(f"data={name}" for name in fitting(contract, options)[:6]) or "other terms"
    return Problem(f"loss={contract.name} with data={data}: {'; '.join(each)}.", rule, fix)


def _without_target(term: Term, targets: Mapping[str, str]) -> Problem:
    """The refusal of a term of a sum on a target that the data does not have."""
    given = f"{term.contract.key}.target={term.target or 'null'}"
    if "" in targets:
        return Problem(given, "This data has one target.", f"leave {term.contract.key}.target out")
    near = nearest(term.target, targets) or next(iter(targets))
    return Problem(given, f"The targets of this data are {', '.join(targets)}.", f"{term.contract.key}.target={near}")


def _of_several(contract: Contract, targets: Mapping[str, str], config: Mapping[str, Any], options: Options) -> Problem:
    """The refusal of a loss on data with several targets, with a sum that names a term for each."""
    each = ", ".join(f"{name} ({kind})" for name, kind in targets.items())
    given = f"loss={contract.name} with data={config.get('choices', {}).get('data', '...')}, whose targets are {each}."
    rule = "Every target needs a term of a loss that accepts its kind."
    each_loss = {name: next(iter(losses_for({"target": kind}, options)), "NAME") for name, kind in targets.items()}
    terms = ", ".join(f"{name}: {{loss: {loss}}}" for name, loss in each_loss.items())
    return Problem(given, rule, f"loss=sum 'loss.terms={{{terms}}}'")


def _inputs(config: Mapping[str, Any]) -> Iterable[Problem]:
    takes, kind = config["model"].get("takes"), input_kind(config["data"])
    if takes is None or kind in takes:
        return
    as_numbers = "data.categories=onehot, or " if "numbers" in takes else ""
    fixes = {"tokens": "model=bag", "categories": f"{as_numbers}model=mlp"}
    choices = config.get("choices", {})
    yield Problem(
        f"model={choices.get('model', '...')} with data={choices.get('data', '...')}, whose inputs are {kind}.",
        f"This model takes {' or '.join(takes)}.",
        fixes.get(kind, "model=cnn or model=mlp, or data=digit_tokens"),
    )


def _weights(model: Mapping[str, Any]) -> Iterable[Problem]:
    """Refuse what has no effect on the weights that a network starts with."""
    file, pretrained, strict = model.get("weights"), model.get("pretrained"), model.get("strict", "backbone")
    if file is not None and pretrained:
        given = f"model.weights={typed(file)} with model.pretrained=true."
        yield Problem(given, "A network starts with one or with the other.", "model.pretrained=false")
    if file is None and strict != "backbone":
        rule = "It says what of a file of weights must match, and there is none."
        yield Problem(f"model.strict={typed(strict)} without model.weights.", rule, "model.strict=backbone")


def _model(config: Mapping[str, Any], options: Options) -> Iterable[Problem]:
    gives, targets = config["model"].get("gives"), targets_of(config["data"])
    if gives is None or any(kind not in KINDS for kind in targets.values()):
        return
    for name, kind in targets.items():
        needed = KINDS[kind].output
        if needed not in gives:
            of_target = f" (target {name})" if name else ""
            yield Problem(
                f"model={config.get('choices', {}).get('model', '...')} with targets of the kind '{kind}'{of_target}.",
                f"This model gives {' or '.join(gives)} outputs; these targets need {needed} outputs.",
                _models_that_give(needed, options),
            )


def _models_that_give(output: str, options: Options) -> str:
    """The models to choose from that state this kind of output."""
    names = [
        name for name in options.names("model") if output in (options.stated(f"model/{name}")[0].get("gives") or ())
    ]
    usual = [name for name in names if name in ("cnn", "mlp")] or names
    return " or ".join(f"model={name}" for name in usual)


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
    width, targets = config["model"].get("embedding_dim"), targets_of(config["data"])
    encodings = [
        (targets[term.target], term.contract.accepts[targets[term.target]]["name"])
        for term in contract.terms_for(targets)
        if targets.get(term.target) in term.contract.accepts
    ]
    known = [KINDS[kind].encodings[name].role for kind, name in encodings if name in KINDS[kind].encodings]
    if width is not None and known and "embedding" not in known:
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
