"""Check that an optimizer can do what the config asks of it: a pure function of the config, without torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lossbook.errors import Problem, typed
from lossbook.models.input_kinds import may_embed
from lossbook.optim.capabilities import CAPABILITIES, Capability, capability
from lossbook.optim.rule_checks import group_problems, rule_problems

Node = Mapping[str, Any]


def problems(config: Node) -> list[Problem]:
    """Return everything that the optimizer, or the one for the rest of the parameters, cannot do.

    Args:
        config: complete and resolved, as plain containers; reads ``optim``, ``param_groups``, ``scheduler``,
            ``trainer``, ``model``, ``callbacks`` and ``choices``. Nothing is assumed of an optimizer that is not
            torch's.
    """
    node = config["optim"]
    if not isinstance(node.get("_target_"), str):
        return []  # refused when it is built
    can = capability(node["_target_"])
    found = [*_schedule(config, can), *_closure(config, can), *_parts(config, can), *_sparse(config, can)]
    found += [*_processes(config, can), *_averages(config, can)]
    for key, part in (("optim", node), ("optim.rest", node.get("rest"))):
        if isinstance(part, Mapping):
            found += _flags(key, part, config)
    if not can.groups:
        found += group_problems(config)
    return [*found, *rule_problems(config)]


def notes(config: Node) -> list[str]:
    """Return notes on an optimizer that is allowed but may not be what the user intends."""
    can = capability(str(config["optim"].get("_target_")))
    size = config.get("data", {}).get("batch_size", "all")
    found = []
    if can.full_batch and size != "all":
        why = "their curvature is mostly noise" if can.closure else "the signs of their gradients change by chance"
        batches = "small batches" if size == "auto" else f"batches of {size}"
        found.append(
            f"{_name(config['optim'])} is meant for all data at once; on {batches} {why}. Use data.batch_size=all."
        )
    return found


def one_process(trainer: Node) -> bool:
    """Return whether the trainer's node asks for one process; ``auto``, which may mean several, counts as one."""
    devices = trainer.get("devices", 1)
    one = len(devices) == 1 if isinstance(devices, list) else devices in (None, 1, "1", "auto")
    return one and trainer.get("num_nodes") in (None, 1)


def sparse_gradients(config: Node) -> bool | None:
    """Return whether the model's embeddings have sparse gradients; None for a user's model without ``sparse``.

    If ``model.sparse`` is null they are sparse where there are any and the optimizer supports nothing else.
    """
    model = config.get("model", {})
    if model.get("sparse") is not None:
        return bool(model["sparse"])
    if "sparse" in model:
        return (
            may_embed(model, config.get("data", {}))
            and capability(str(config["optim"].get("_target_"))).sparse == "only"
        )
    return False if str(model.get("_target_", "")).startswith("lossbook.") else None


def _schedule(config: Node, can: Capability) -> Iterator[Problem]:
    schedule = config.get("scheduler") or {}
    if not can.schedule and schedule.get("_target_") is not None:
        yield Problem(
            f"scheduler={_choice(config, 'scheduler')} with optim={_choice(config, 'optim')}.",
            f"Schedules have no effect on {_name(config['optim'])}: its learning rate is only the initial step size.",
            "scheduler=none",
        )


def _closure(config: Node, can: Capability) -> Iterator[Problem]:
    """Check what cannot be combined with several evaluations of a batch in a step."""
    if not can.closure:
        return
    name, trainer = _name(config["optim"]), config.get("trainer", {})
    if (batches := trainer.get("accumulate_grad_batches") or 1) != 1:
        rule = f"{name} evaluates a batch several times a step, and all these gradients would add up."
        fix = "trainer.accumulate_grad_batches=1, and a larger data.batch_size"
        yield Problem(f"trainer.accumulate_grad_batches={batches} with optim={_choice(config, 'optim')}.", rule, fix)
    if _half(trainer):
        rule = f"The gradient scaler of half precision does not support {name}, which evaluates several times a step."
        yield Problem(
            f"trainer.precision={trainer['precision']} with optim={_choice(config, 'optim')}.",
            rule,
            "trainer.precision=32-true or trainer.precision=bf16-mixed",
        )
    if clip := trainer.get("gradient_clip_val"):
        rule = f"{name} compares the gradients of its evaluations, and clipping them makes the comparison wrong."
        yield Problem(
            f"trainer.gradient_clip_val={clip} with optim={_choice(config, 'optim')}.",
            rule,
            "trainer.gradient_clip_val=null",
        )


def _processes(config: Node, can: Capability) -> Iterator[Problem]:
    trainer = config.get("trainer", {})
    if can.closure and not one_process(trainer):
        key = "num_nodes" if trainer.get("num_nodes") not in (None, 1) else "devices"
        given = f"trainer.{key}={typed(trainer[key])} with optim={_choice(config, 'optim')}."
        rule = (
            f"{_name(config['optim'])} runs its line search on each process's own loss, so their weights would differ."
        )
        yield Problem(given, rule, "trainer.devices=1 trainer.num_nodes=1")


def _parts(config: Node, can: Capability) -> Iterator[Problem]:
    """Check that an optimizer for a part of the model has a second one for the rest, and no other has."""
    node, option = config["optim"], _choice(config, "optim")
    rest = node.get("rest")
    if can.in_part and rest is None:
        what = "two-dimensional weights" if can.takes == "matrices" else "weights with sparse gradients"
        rule = f"{_name(node)} only trains {what}; all other parameters need a second optimizer."
        yield Problem(f"optim={option} without optim.rest.", rule, "+optim.rest='{_target_: torch.optim.AdamW}'")
    if rest is None:
        return
    if node["_target_"] not in CAPABILITIES:
        rule = f"It is unknown which parameters {_name(node)} would leave to a second optimizer."
        yield Problem(f"optim.rest with optim={option}.", rule, "~optim.rest")
        return
    if not can.in_part:
        rule = f"{_name(node)} trains every parameter and leaves none to a second optimizer."
        yield Problem(f"optim.rest with optim={option}.", rule, "~optim.rest")
        return
    if not isinstance(rest, Mapping) or not isinstance(rest.get("_target_"), str):
        rule = "It must be the node of a second optimizer, for the parameters that the first one does not train."
        yield Problem(f"optim.rest={rest}", rule, "optim.rest._target_=torch.optim.AdamW")
        return
    other = capability(rest["_target_"])
    if other.in_part or other.closure or not other.groups or not other.schedule or other.averages:
        rule = (
            "The optimizer for the rest must support all parameters, groups and schedules, evaluate a batch once a"
            " step, and keep no averages."
        )
        yield Problem(f"optim.rest._target_={rest['_target_']}", rule, f"optim={option}, whose rest does")


def _sparse(config: Node, can: Capability) -> Iterator[Problem]:
    """Check that the optimizer and its settings support the model's sparse gradients, or its dense ones."""
    node, trainer, option = config["optim"], config.get("trainer", {}), _choice(config, "optim")
    has = sparse_gradients(config)
    if can.sparse == "only" and has is False:
        yield Problem(
            f"optim={option} with model={_choice(config, 'model')}, which has no sparse gradients.",
            f"{_name(node)} only trains embeddings with sparse gradients.",
            "optim=adam; or data=digit_tokens, or a table with data.categories=embedding",
        )
    if not has:
        return
    if can.sparse == "no":
        yield Problem(
            f"optim={option} with model.sparse=true.",
            f"{_name(node)} does not support sparse gradients.",
            "optim=sparse_adam or optim=sgd or optim=adagrad; or model.sparse=false",
        )
    if can.sparse == "accepts" and node["_target_"] in CAPABILITIES:
        # which weights such a rule covers is known when the groups are planned
        spared = any(isinstance(rule, Mapping) and rule.get("weight_decay") == 0 for rule in _rules(config))
        for key, fix in (("fused", "optim.fused=null"), ("weight_decay", "optim.weight_decay=0")):
            if node.get(key) and not (key == "weight_decay" and spared):
                what = "Its fused kernel" if key == "fused" else f"Weight decay of {_name(node)}"
                rule = f"{what} does not support sparse gradients."
                yield Problem(
                    f"optim.{key}={typed(node[key])} with model.sparse=true.", rule, f"{fix}; or model.sparse=false"
                )
    if trainer.get("gradient_clip_val") and trainer.get("gradient_clip_algorithm") == "value":
        yield Problem(
            "trainer.gradient_clip_algorithm=value with model.sparse=true.",
            "torch can clip sparse gradients only by norm.",
            "trainer.gradient_clip_algorithm=norm; or model.sparse=false",
        )


def _flags(key: str, node: Node, config: Node) -> Iterator[Problem]:
    """Check how steps are computed: kernels that exclude each other, device, precision."""
    if node.get("_target_") not in CAPABILITIES:
        return
    trainer = config.get("trainer", {})
    if node.get("differentiable"):
        rule = "It is for code that differentiates through steps; for the weights of a run torch raises an error."
        yield Problem(f"{key}.differentiable=true", rule, f"{key}.differentiable=false")
    if node.get("fused") and node.get("foreach"):
        rule = "A step uses either the fused kernel or foreach, not both."
        yield Problem(f"{key}.fused=true with {key}.foreach=true.", rule, f"{key}.foreach=null")
    if node.get("capturable") and trainer.get("accelerator") == "cpu":
        rule = "Steps can be captured in a graph only on a GPU."
        yield Problem(f"{key}.capturable=true with trainer.accelerator=cpu.", rule, f"{key}.capturable=false")
    whole = key == "optim" and not capability(node["_target_"]).in_part
    if whole and node.get("fused") and _mixed(trainer) and trainer.get("gradient_clip_val"):
        given = f"{key}.fused=true with trainer.precision={trainer['precision']} and trainer.gradient_clip_val."
        rule = "A fused step unscales the gradients itself, too late for clipping."
        yield Problem(given, rule, f"{key}.fused=null")


def _averages(config: Node, can: Capability) -> Iterator[Problem]:
    """Check that at most one average replaces the weights."""
    nodes = {name: node for name, node in (config.get("callbacks") or {}).items() if isinstance(node, Mapping)}
    ours = [name for name, node in nodes.items() if ".weight_averaging." in str(node.get("_target_"))]
    if can.averages is not None and ours:
        given = f"callbacks.{ours[0]} with optim={_choice(config, 'optim')}."
        rule = f"{_name(config['optim'])} averages the weights itself, and only one average can replace them."
        yield Problem(given, rule, "callbacks=default, or optim=sgd")
    if len(ours) > 1:
        given = f"callbacks.{ours[0]} with callbacks.{ours[1]}."
        yield Problem(given, "Only one average can replace the weights.", f"callbacks={ours[0]}")
    for name, node in nodes.items():
        theirs = str(node.get("_target_"))
        if theirs.startswith("lightning.") and theirs.endswith("WeightAveraging"):
            rule = "Lightning's averaging copies everything in the module, and tests other weights after training."
            fix = "callbacks=swa" if "Stochastic" in theirs else "callbacks=ema or callbacks=swa"
            yield Problem(f"callbacks.{name}._target_={theirs}", rule, fix)


def _half(trainer: Node) -> bool:
    return str(trainer.get("precision")) in ("16", "16-mixed")


def _mixed(trainer: Node) -> bool:
    return _half(trainer) or str(trainer.get("precision")) in ("bf16", "bf16-mixed")


def _rules(config: Node) -> list[Any]:
    return list((config.get("param_groups") or {}).get("rules") or ())


def _choice(config: Node, group: str) -> str:
    return str((config.get("choices") or {}).get(group, "..."))


def _name(node: Node) -> str:
    return str(node.get("_target_")).rpartition(".")[2]
