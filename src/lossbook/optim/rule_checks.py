"""Check the rules for parameter groups: keys, values and stages, without torch."""

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
OF_LAYERS = ("layer_decay", "unfrozen_by")  # preset entries that become one rule for each layer
# arguments of the whole optimizer, which groups cannot set
OF_THE_WHOLE = ("_target_", "_partial_", "rest", "fused", "foreach", "capturable", "differentiable")


def rule_problems(config: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong with the rules, the user's and the preset's, whatever the network.

    The hyperparameters of an optimizer that is not torch's, or whose node omits some, are checked when it is built.
    """
    groups = config.get("param_groups") or {}
    for where, more in (("rules", ()), ("preset", (*OF_LAYERS, "weight_decay"))):
        for rule in groups.get(where) or ():
            if isinstance(rule, Mapping):
                yield from _rule(rule, where, more, config["optim"])
            else:
                given = f"param_groups.{where} has {rule!r}."
                yield Problem(given, "A rule must be a mapping.", "{match: model.head.*, lr: 0.01}")


def _rule(rule: Mapping[str, Any], where: str, more: tuple[str, ...], optim: Mapping[str, Any]) -> Iterator[Problem]:
    """Check one rule; ``more`` are additional keys that it may have, whatever the optimizer."""
    own, said = _hyperparameters(optim), _said(rule, where)
    known = (*KEYS, *more, *own) if _complete(optim) else (*KEYS, *more, *own, *(set(rule) - set(OF_THE_WHOLE)))
    unknown = [key for key in rule if key not in known]
    yield from (_unknown(said, str(key), more, own) for key in unknown)
    yield from _values(said, {key: value for key, value in rule.items() if key not in unknown}, own, optim)
    yield from _stages(rule, said)
    if "lr" in rule and "lr_scale" in rule:
        yield Problem(
            f"{said} has lr and lr_scale.",
            "Both set the learning rate, as a number or as a multiple of optim.lr.",
            "remove one of them",
        )
    for key in OF_LAYERS:
        if key in rule and len(rule) > 1:
            why = "It becomes a rule for each layer, and other keys would have no effect."
            yield Problem(f"{said} has more than {key}.", why, f"a separate rule: {{{key}: {rule[key]}}}")
    if not set(rule) - {*SELECTORS, "name"}:
        yield Problem(
            f"{said} sets nothing for the parameters that it selects.",
            f"A rule must set freeze, lr_scale or a hyperparameter of the optimizer: {', '.join(own)}.",
            "remove it",
        )


def group_problems(config: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the rules and presets that would make groups, for an optimizer that supports only one."""
    groups = config.get("param_groups") or {}
    choices = config.get("choices") or {}
    name = str(config["optim"]["_target_"]).rpartition(".")[2]
    why = f"{name} takes all parameters as one group, from the first step."
    for rule in groups.get("rules") or ():
        if isinstance(rule, Mapping) and (more := set(rule) - {*SELECTORS, "name", "freeze"}):
            given = f"{_said(rule, 'rules')} sets {', '.join(sorted(more))} with optim={choices.get('optim', '...')}."
            yield Problem(given, why, "remove the rule; only a permanent freeze: true is possible")
    own = _hyperparameters(config["optim"])
    made = {*OF_LAYERS, "lr_scale", *UNTIL, *own}
    if any(isinstance(rule, Mapping) and made & set(rule) for rule in groups.get("preset") or ()):
        given = f"param_groups={choices.get('param_groups', '...')} with optim={choices.get('optim', '...')}."
        yield Problem(given, why, "param_groups=all")


def _hyperparameters(optim: Mapping[str, Any]) -> dict[str, Any]:
    """Return the hyperparameters that groups may set, with the optimizer's values; including those of its rest."""
    rest = optim.get("rest")
    both = {**(rest if isinstance(rest, Mapping) else {}), **optim}
    return {key: value for key, value in both.items() if key not in OF_THE_WHOLE}


def _complete(optim: Mapping[str, Any]) -> bool:
    """Return whether a node lists all arguments of its optimizer, as those in conf/ do: it or its rest has foreach."""
    can, rest = capability(str(optim.get("_target_"))), optim.get("rest")
    node = rest if can.in_part and isinstance(rest, Mapping) else optim
    known = all(str(part.get("_target_")) in CAPABILITIES for part in (optim, node))
    return known and ("foreach" in node or not can.groups)


def _unknown(said: str, key: str, more: tuple[str, ...], own: Mapping[str, Any]) -> Problem:
    near = nearest(key, [*KEYS, *more, *own])
    return Problem(
        f"{said} has '{key}'.",
        f"A rule may have {', '.join((*KEYS, *more))}, and hyperparameters of the optimizer: {', '.join(own)}.",
        f"'{near}'?" if near else "remove it",
    )


def _values(said: str, rule: Mapping[str, Any], own: Mapping[str, Any], optim: Mapping[str, Any]) -> Iterator[Problem]:
    """Check the types, lengths and ranges of a rule's values."""
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
            f"{key} must be {inside.words}. {inside.why}".rstrip(),
            f"param_groups.{key}={shown}" if key in OF_LAYERS else f"{key}: {shown}",
        )


def _of_a_stranger(default: Any) -> Range | None:
    """Return the range of a hyperparameter that its default implies, for an optimizer that is not torch's."""
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
    """Check that there is at most one until_*, and only with freeze: true."""
    until = [key for key in UNTIL if key in rule]
    if until and rule.get("freeze") is not True:
        why = "It sets how long parameters are frozen."
        yield Problem(f"{said} has {until[0]} without freeze: true.", why, "freeze: true beside it")
    if len(until) > 1:
        why = "Only one moment can end the freezing."
        yield Problem(f"{said} has {' and '.join(until)}.", why, f"only {until[0]}")


def _said(rule: Mapping[str, Any], where: str) -> str:
    """Return a description of a rule by its selectors."""
    how = ", ".join(f"{key}: {rule[key]}" for key in SELECTORS if key in rule)
    return f"The rule {{{how}}} in param_groups.{where}" if how else f"A rule in param_groups.{where}"
