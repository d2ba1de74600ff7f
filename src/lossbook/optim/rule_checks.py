"""Whether the rules for parameter groups say what a rule can say: keys, numbers, stages. No torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lossbook.errors import Problem, nearest
from lossbook.optim.capabilities import CAPABILITIES, capability
from lossbook.optim.ranges import RULES, hyperparameter
from lossbook.ranges import FLAG, Range, is_number

SELECTORS = ("match", "type", "vectors", "part")
UNTIL = ("until_epoch", "until_step", "until_share")
KEYS = (*SELECTORS, "name", "lr_scale", "freeze", *UNTIL)  # beside the optimizer's hyperparameters
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
    targets = [str(node.get("_target_")) for node in (optim, rest) if isinstance(node, Mapping)]
    for key, value in rule.items():
        inside = RULES.get(key) or hyperparameter(targets, key) or _of_a_stranger(own.get(key))
        if inside is None or inside.admits(value):
            continue
        default = own.get(key)
        fix = default if key not in RULES and inside.admits(default) else inside.example
        shown = str(fix).lower() if isinstance(fix, bool) else str(fix).replace("None", "null")
        yield Problem(
            f"{said} has {key}: {value}.",
            f"{key} is {inside.words}. {inside.why}".rstrip(),
            f"param_groups.{key}={shown}" if key in OF_LAYERS else f"{key}: {shown}",
        )


def _of_a_stranger(default: Any) -> Range | None:
    """What the default of an optimizer that is not torch's tells of a hyperparameter."""
    if isinstance(default, bool):
        return FLAG
    if is_number(default):
        return Range(is_number, "a number", default)
    if isinstance(default, list):
        return Range(_numbers, "a list of numbers", default)
    return None


def _numbers(value: Any) -> bool:
    return isinstance(value, list) and all(item is None or is_number(item) for item in value)


def _stages(rule: Mapping[str, Any], said: str) -> Iterator[Problem]:
    """until_*: one of them, and with what it ends."""
    until = [key for key in UNTIL if key in rule]
    if until and rule.get("freeze") is not True:
        why = "It says up to when parameters are frozen."
        yield Problem(f"{said} has {until[0]} without freeze: true.", why, "freeze: true beside it")
    if len(until) > 1:
        why = "Parameters are frozen up to one moment."
        yield Problem(f"{said} has {' and '.join(until)}.", why, f"{until[0]} alone")


def _said(rule: Mapping[str, Any], where: str) -> str:
    """A rule as one finds it again: by what it selects."""
    how = ", ".join(f"{key}: {rule[key]}" for key in SELECTORS if key in rule)
    return f"The rule {{{how}}} in param_groups.{where}" if how else f"A rule in param_groups.{where}"
