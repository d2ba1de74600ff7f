"""Parameter groups from ordered rules."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lossbook.errors import Problem, UserError, nearest
from lossbook.optim.named_parameters import NamedParameter
from lossbook.optim.rule_checks import OF_THE_WHOLE
from lossbook.optim.rules import ParameterRule

PartOf = Callable[[NamedParameter], str]
_LATER = "frozen_until"  # a group's key for the stage at which its training starts


def parameter_groups(
    parameters: Sequence[NamedParameter],
    rules: Sequence[ParameterRule],
    preset: Sequence[ParameterRule] = (),
    defaults: Mapping[str, Mapping[str, Any]] | None = None,
    part_of: PartOf = lambda one: "main",
    elsewhere: Sequence[NamedParameter] = (),
) -> list[dict[str, Any]]:
    """Return parameter groups by ordered rules; the first match wins for each hyperparameter.

    A group holds ``params``, pairs of name and parameter; ``name``; ``part``, the optimizer that takes it where there
    are two; the hyperparameters that differ from that optimizer's own; and ``frozen_until`` where it is trained later.
    Parameters with the same settings share a group. What is frozen for good is in none, and has ``requires_grad``
    switched off.

    Args:
        parameters: every parameter once.
        rules: the user's; a rule that covers no trained parameter is an error.
        preset: applied after them; may cover nothing, and may set what the optimizer has no such hyperparameter for.
        defaults: hyperparameters of each part; a rule that only repeats them makes no group of its own.
        part_of: which of the parts a parameter belongs to.
        elsewhere: parameters of the same module that other optimizers train by the same rules.

    Raises:
        UserError: for rules that cover nothing (with the nearest names), that have no effect after earlier ones, or
            that set what the optimizer does not have; or where nothing is left to train, at all or at the start.
    """
    defaults = defaults or {"main": {}}
    trained = [one for one in parameters if one.parameter.requires_grad]
    ordered = [*rules, *preset]
    covering: set[int] = set()
    effective: set[int] = set()  # rules that decide something somewhere
    before: dict[int, ParameterRule] = {}  # by rule: an earlier one that decided the same
    problems: list[Problem] = []
    groups: dict[tuple[str, ...], dict[str, Any]] = {}
    for one in trained:
        part = part_of(one)
        own = defaults[part]
        decided: dict[str, tuple[int, Any]] = {}  # by hyperparameter: the first rule that sets it, and the value
        for number, rule in enumerate(ordered):
            if not rule.covers(one):
                continue
            covering.add(number)
            for key, value in rule.settings():
                if key in decided:
                    before.setdefault(number, ordered[decided[key][0]])
                    continue
                effective.add(number)
                if not own or key in own or key == "freeze":
                    decided[key] = number, value
                elif number < len(rules):
                    problems.append(_not_taken(rule, key, one, own))
        telling = [number for key, (number, value) in decided.items() if not _repeats(key, value, own)]
        labels = [ordered[number].label for number in dict.fromkeys(telling)]
        settings = {key: value for key, (_, value) in decided.items()}
        frozen = settings.pop("freeze", False)
        if frozen is True:
            one.parameter.requires_grad_(False)
            continue
        values = _values(settings, own) | ({_LATER: list(frozen)} if frozen else {})
        same = (part, *(f"{name}={values[name]!r}" for name in sorted(values)))
        group = groups.setdefault(same, {"params": [], "part": part, "labels": [], **values})
        group["params"].append((one.name, one.parameter))
        group["labels"] += [label for label in labels if label not in group["labels"]]
    for number, rule in enumerate(rules):
        if any(rule.covers(one) for one in elsewhere):
            continue  # its effect is another optimizer's to judge
        if number not in covering:
            problems.append(_missed(rule, [*parameters, *elsewhere]))
        elif number in before and number not in effective:
            problems.append(_shadowed(rule, before[number]))
    if problems:
        raise UserError(*dict.fromkeys(problems))
    if not groups:
        raise UserError(Problem("param_groups.rules freeze every parameter.", "At least one must be trained."))
    if all(_LATER in group for group in groups.values()):
        given = "param_groups freezes every parameter at the start."
        why = "At least one must be trained from the first step."
        raise UserError(Problem(given, why, "a rule for some of them only, such as part: backbone"))
    return _with_names(list(groups.values()), defaults)


def _values(settings: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the hyperparameters of a group that differ from the optimizer's own; learning rates as numbers."""
    values = {key: value for key, value in settings.items() if key != "lr"}
    if "lr" in settings:
        how, number = settings["lr"]
        values["lr"] = number * own["lr"] if how == "lr_scale" else number
    return {key: value for key, value in values.items() if key not in own or own[key] != value}


def _repeats(key: str, value: Any, own: Mapping[str, Any]) -> bool:
    """Return whether a rule sets what holds anyway."""
    if key == "freeze":
        return value is False
    return key != "lr" and own.get(key) == value


def _with_names(groups: list[dict[str, Any]], defaults: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Give each group a unique name: its rules' labels; ``rest`` where no rule applies, ``all`` for a single group.

    With two optimizers, the class comes first (``muon``, ``adamw+no_decay``).
    """
    several = len({group["part"] for group in groups}) > 1
    taken: set[str] = set()
    for group in groups:
        words: list[str] = group.pop("labels")
        if several:
            words = [defaults[group["part"]]["_target_"].rpartition(".")[2].lower(), *words]
        name = "+".join(words) or ("rest" if len(groups) > 1 else "all")
        unique, number = name, 2
        while unique in taken:
            unique, number = f"{name}_{number}", number + 1
        taken.add(unique)
        group["name"] = unique
    return groups


def _not_taken(rule: ParameterRule, key: str, one: NamedParameter, own: Mapping[str, Any]) -> Problem:
    known = [name for name in own if name not in OF_THE_WHOLE]
    near = nearest(key, known)
    return Problem(
        f"The rule '{rule.label}' in param_groups.rules sets {key} for {one.name}.",
        f"{own.get('_target_', 'Its optimizer')} has no such hyperparameter; it has {', '.join(known)}.",
        f"'{near}'?" if near else "remove it, or let the rule cover other parameters",
    )


def _shadowed(rule: ParameterRule, by: ParameterRule) -> Problem:
    return Problem(
        f"The rule '{rule.label}' in param_groups.rules has no effect: earlier rules set everything that it sets.",
        "For each parameter and hyperparameter the first match wins.",
        f"put it before '{by.label}', or remove it",
    )


def _missed(rule: ParameterRule, parameters: Sequence[NamedParameter]) -> Problem:
    """Explain why a rule of the user's covers no trained parameter."""
    if not rule.selects:
        return Problem(
            f"A rule in param_groups.rules selects no parameters: {dict(rule.values)}.",
            "A rule needs match, a pattern over their names, or type, vectors, part.",
            "match: '*' for all of them",
        )
    said = f"The rule '{rule.label}' in param_groups.rules"
    frozen = [one.name for one in parameters if rule.covers(one)]
    if frozen:
        return Problem(
            f"{said} covers only frozen parameters ({_listed(frozen)}).",
            "Parameters that the model itself has frozen are not trained, so no rule has an effect on them.",
            "remove the rule, or let the model leave them trainable",
        )
    if rule.match is not None:
        names = [name for one in parameters if one.parameter.requires_grad for name in one.names]
        near = nearest(rule.match, names)
        fix = f"'{near}'?" if near else "a pattern over names, such as '*.weight'"
        closest = difflib.get_close_matches(rule.match, names, n=5, cutoff=0.0)
        return Problem(f"{said} covers no parameter.", f"The nearest names are {_listed(closest)}.", fix)
    if rule.type is not None:
        types = sorted({name for one in parameters for name in one.types})
        near = nearest(rule.type, types)
        fix = f"type: {near}" if near else f"type: {types[0]}" if types else "remove the rule"
        return Problem(f"{said} covers no parameter.", f"Modules are of the types {_listed(types)}.", fix)
    what = "at most one dimension, such as norms and biases" if rule.vectors else f"the part '{rule.part}'"
    return Problem(f"{said} covers no parameter.", f"This model has no trained parameter of {what}.", "remove the rule")


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:4])}{', ...' if len(names) > 4 else ''}"
