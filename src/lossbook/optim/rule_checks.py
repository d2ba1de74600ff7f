"""Whether the rules for parameter groups say what a rule can say: keys, numbers, stages. No torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lossbook.errors import Problem, nearest
from lossbook.optim.capabilities import CAPABILITIES, capability
from lossbook.optim.schedules.ranges import number

SELECTORS = ("match", "type", "vectors", "part")
UNTIL = ("until_epoch", "until_step", "until_share")
KEYS = (*SELECTORS, "name", "lr_scale", "freeze", *UNTIL)  # beside the optimizer's hyperparameters
PARTS = ("backbone", "head")
OF_LAYERS = ("layer_decay", "unfrozen_by")  # what a preset says of all layers in turn
OF_THE_WHOLE = (
    "_target_",
    "_partial_",
    "rest",
    "fused",
    "foreach",
    "capturable",
    "differentiable",
)  # no group has its own


def rule_problems(config: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong with the rules, the user's and the preset's, whatever the network.

    What an optimizer that is not torch's has, or one whose node leaves its defaults out, only the optimizer can tell.
    """
    groups = config.get("param_groups") or {}
    for where, more in (("rules", ()), ("preset", (*OF_LAYERS, "weight_decay"))):
        for rule in groups.get(where) or ():
            if isinstance(rule, Mapping):
                yield from _rule(rule, where, more, config["optim"])
            else:
                given = f"param_groups.{where} has {rule!r}."
                yield Problem(given, "A rule is a mapping.", "{match: model.head.*, lr: 0.01}")


def _rule(rule: Mapping[str, Any], where: str, more: tuple[str, ...], optim: Mapping[str, Any]) -> Iterator[Problem]:
    """One rule; ``more``: what it may have beside, whatever the optimizer."""
    own, said = _hyperparameters(optim), _said(rule, where)
    known = (*KEYS, *more, *own) if _complete(optim) else (*KEYS, *more, *own, *(set(rule) - set(OF_THE_WHOLE)))
    unknown = [key for key in rule if key not in known]
    yield from (_unknown(said, str(key), more, own) for key in unknown)
    yield from _values(said, {key: value for key, value in rule.items() if key not in unknown}, own, optim)
    yield from _stages(rule, said)
    if "lr" in rule and "lr_scale" in rule:
        yield Problem(
            f"{said} has lr and lr_scale.",
            "Both say what the learning rate is: as a number, or as a multiple of optim.lr.",
            "leave one of them out",
        )
    for key in OF_LAYERS:
        if key in rule and len(rule) > 1:
            rule_of_it = "It speaks of all layers in turn, and nothing beside it would have an effect."
            yield Problem(f"{said} has more than {key}.", rule_of_it, f"a rule of its own: {{{key}: {rule[key]}}}")
    if not set(rule) - {*SELECTORS, "name"}:
        yield Problem(
            f"{said} says nothing of the parameters that it selects.",
            f"A rule sets freeze, lr_scale or a hyperparameter of the optimizer: {', '.join(own)}.",
            "remove it",
        )


def group_problems(config: Mapping[str, Any]) -> Iterator[Problem]:
    """Rules and presets that make groups, for an optimizer that takes one group alone."""
    groups = config.get("param_groups") or {}
    choices = config.get("choices") or {}
    name = str(config["optim"]["_target_"]).rpartition(".")[2]
    why = f"{name} takes all parameters as one group, from the first step on."
    for rule in groups.get("rules") or ():
        if isinstance(rule, Mapping) and (more := set(rule) - {*SELECTORS, "name", "freeze"}):
            given = f"{_said(rule, 'rules')} sets {', '.join(sorted(more))} with optim={choices.get('optim', '...')}."
            yield Problem(given, why, "remove the rule; freeze: true for good is possible")
    own = _hyperparameters(config["optim"])
    made = {*OF_LAYERS, "lr_scale", *UNTIL, *own}
    if any(isinstance(rule, Mapping) and made & set(rule) for rule in groups.get("preset") or ()):
        given = f"param_groups={choices.get('param_groups', '...')} with optim={choices.get('optim', '...')}."
        yield Problem(given, why, "param_groups=all")


def _hyperparameters(optim: Mapping[str, Any]) -> dict[str, Any]:
    """What groups may differ in, with the optimizer's own values: those of its rest are among them."""
    rest = optim.get("rest")
    both = {**(rest if isinstance(rest, Mapping) else {}), **optim}
    return {key: value for key, value in both.items() if key not in OF_THE_WHOLE}


def _complete(optim: Mapping[str, Any]) -> bool:
    """Whether the node lists all that its optimizer has, as ours do: they have foreach, or their rest has it."""
    can, rest = capability(str(optim.get("_target_"))), optim.get("rest")
    node = rest if can.in_part and isinstance(rest, Mapping) else optim
    known = all(str(part.get("_target_")) in CAPABILITIES for part in (optim, node))
    return known and ("foreach" in node or not can.groups)


def _unknown(said: str, key: str, more: tuple[str, ...], own: Mapping[str, Any]) -> Problem:
    near = nearest(key, [*KEYS, *more, *own])
    return Problem(
        f"{said} has '{key}'.",
        f"A rule has {', '.join((*KEYS, *more))}, and hyperparameters of the optimizer: {', '.join(own)}.",
        f"'{near}'?" if near else "remove it",
    )


def _values(said: str, rule: Mapping[str, Any], own: Mapping[str, Any], optim: Mapping[str, Any]) -> Iterator[Problem]:
    """Values of the wrong type, length or range."""
    rest = optim.get("rest")
    for key, value in rule.items():
        wants = _wanted(key, value, own)
        if wants is None and isinstance(value, list):
            lengths = {**(_lengths(rest) if isinstance(rest, Mapping) else {}), **_lengths(optim)}
            if len(value) != lengths.get(key, len(value)):
                wants = f"{lengths[key]} values"
        if wants is not None:
            typed = f"param_groups.{key}=" if key in OF_LAYERS else f"{key}: "
            yield Problem(f"{said} has {key}: {value}.", f"{key} is {wants}.", f"{typed}{_example(key, own)}")


def _wanted(key: str, value: Any, own: Mapping[str, Any]) -> str | None:
    """What ``key`` takes, where ``value`` is not that."""
    if key in ("match", "type", "name"):
        return None if isinstance(value, str) and value else "a text"
    if key == "part":
        return None if value in PARTS else " or ".join(PARTS)
    if key == "vectors":
        return None if value is True else "true, or left out: it selects tensors of at most one dimension"
    if key == "freeze":
        return None if isinstance(value, bool) else "true or false"
    if key in ("until_epoch", "until_step"):
        whole = isinstance(value, int) and not isinstance(value, bool) and value > 0
        return None if whole else "a whole number from 1 on"
    if key == "until_share":
        return None if number(value) and 0 < value < 1 else "a share of the run's steps, between 0 and 1"
    if key == "layer_decay":
        return None if number(value) and 0 < value <= 1 else "a number above 0, at most 1"
    if key == "unfrozen_by":
        return None if number(value) and 0 < value < 1 else "a share of the run's steps, between 0 and 1"
    if key == "lr_scale":
        return None if number(value) and value > 0 else "a number above 0"
    if key in ("lr", "weight_decay"):
        return None if number(value) and value >= 0 else "a number from 0 on"
    default = own.get(key)
    if isinstance(default, bool):
        return None if isinstance(value, bool) else "true or false"
    if isinstance(default, (int, float)):
        return None if number(value) else "a number"
    if isinstance(default, list):
        fine = isinstance(value, list) and all(item is None or number(item) for item in value)
        return None if fine else "a list of numbers"
    return None


def _stages(rule: Mapping[str, Any], said: str) -> Iterator[Problem]:
    """until_*: one of them, and with what it ends."""
    until = [key for key in UNTIL if key in rule]
    if until and rule.get("freeze") is not True:
        why = "It says up to when parameters are frozen."
        yield Problem(f"{said} has {until[0]} without freeze: true.", why, "freeze: true beside it")
    if len(until) > 1:
        why = "Parameters are frozen up to one moment."
        yield Problem(f"{said} has {' and '.join(until)}.", why, f"{until[0]} alone")


def _lengths(node: Mapping[str, Any]) -> dict[str, int]:
    return dict(capability(str(node.get("_target_"))).lengths)


def _example(key: str, own: Mapping[str, Any]) -> str:
    examples = {
        "match": "model.head.*", "type": "BatchNorm*", "name": "head", "part": "head", "vectors": "true",
        "freeze": "true", "until_epoch": "5", "until_step": "1000", "until_share": "0.5", "lr_scale": "0.1",
        "layer_decay": "0.75", "unfrozen_by": "0.5", "weight_decay": "0.0",
    }  # fmt: skip
    default = own.get(key)
    shown = str(default).lower() if isinstance(default, bool) else str(default)
    return examples.get(key, shown.replace("None", "null").replace("'", ""))


def _said(rule: Mapping[str, Any], where: str) -> str:
    """A rule as one finds it again: by what it selects."""
    how = ", ".join(f"{key}: {rule[key]}" for key in SELECTORS if key in rule)
    return f"The rule {{{how}}} in param_groups.{where}" if how else f"A rule in param_groups.{where}"
