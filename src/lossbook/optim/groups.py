"""Rules over parameters -> parameter groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lossbook.errors import Problem, UserError, nearest
from lossbook.optim.places import Place
from lossbook.optim.rule_checks import OF_THE_WHOLE
from lossbook.optim.rules import Rule

PartOf = Callable[[Place], str]
_LATER = "frozen_until"  # a group's key for the stage at which its training starts


def parameter_groups(
    places: Sequence[Place],
    rules: Sequence[Rule],
    preset: Sequence[Rule] = (),
    defaults: Mapping[str, Mapping[str, Any]] | None = None,
    part_of: PartOf = lambda place: "main",
) -> list[dict[str, Any]]:
    """Parameter groups by ordered rules; the first match wins for each hyperparameter.

    A group holds ``params``, pairs of name and parameter; ``name``; ``part``, the optimizer that takes it where there
    are two; the hyperparameters in which it departs from that optimizer's own; and ``frozen_until`` where it joins
    later. Parameters for which the same holds share a group. What is frozen for good is in none, and told so
    (``requires_grad``).

    Args:
        places: every parameter once.
        rules: the user's; one that covers nothing that is trained is an error.
        preset: applied after them; content to cover nothing, or what the optimizer has no such hyperparameter for.
        defaults: hyperparameters of each part; what a rule only repeats makes no group of its own.
        part_of: which of the parts a parameter is for.

    Raises:
        UserError: rules that cover nothing, with the nearest names, that earlier ones leave nothing to say, or that set
            what the optimizer of a parameter has not; or nothing is left to train, at all or at the start.
    """
    defaults = defaults or {"main": {}}
    trained = [place for place in places if place.parameter.requires_grad]
    ordered = [*rules, *preset]
    covered: set[int] = set()
    heard: set[int] = set()  # rules that decide something somewhere
    before: dict[int, Rule] = {}  # by rule: an earlier one that has said the same
    problems: list[Problem] = []
    groups: dict[tuple[str, ...], dict[str, Any]] = {}
    for place in trained:
        part = part_of(place)
        own = defaults[part]
        said: dict[str, Any] = {}
        speakers: dict[str, Rule] = {}
        labels: list[str] = []
        for number, rule in enumerate(ordered):
            if not rule.covers(place):
                continue
            covered.add(number)
            news = {}
            for what, value in rule.said():
                if what in said:
                    before.setdefault(number, speakers[what])
                else:
                    news[what], speakers[what] = value, rule
            heard |= {number} if news else set()
            foreign = [key for key in news if key not in own and key != "freeze"] if own else []
            if number < len(rules):
                problems += [_not_taken(rule, key, place, own) for key in foreign]
            news = {key: value for key, value in news.items() if key not in foreign}
            said |= news
            labels += [rule.label] if any(not _repeats(key, value, own) for key, value in news.items()) else []
        frozen = said.pop("freeze", False)
        if frozen is True:
            place.parameter.requires_grad_(False)
            continue
        values = _values(said, own) | ({_LATER: list(frozen)} if frozen else {})
        key = (part, *(f"{name}={values[name]!r}" for name in sorted(values)))
        group = groups.setdefault(key, {"params": [], "part": part, "labels": [], **values})
        group["params"].append((place.name, place.parameter))
        group["labels"] += [label for label in labels if label not in group["labels"]]
    problems += [_missed(rule, places) for number, rule in enumerate(rules) if number not in covered]
    mute = sorted(set(before) & set(range(len(rules))) - heard)
    problems += [_shadowed(rules[number], before[number]) for number in mute]
    if problems:
        raise UserError(*dict.fromkeys(problems))
    if not groups:
        raise UserError(Problem("param_groups.rules freeze every parameter.", "One at least must be trained."))
    if all(_LATER in group for group in groups.values()):
        given = "param_groups freezes every parameter at the start."
        why = "From the first step on one at least must be trained."
        raise UserError(Problem(given, why, "a rule for some of them alone, such as part: backbone"))
    return _with_names(list(groups.values()), defaults)


def _values(said: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The hyperparameters of a group that are not the optimizer's own; learning rates in absolute numbers."""
    values = {key: value for key, value in said.items() if key != "lr"}
    if "lr" in said:
        how, number = said["lr"]
        values["lr"] = number * own["lr"] if how == "lr_scale" else number
    return {key: value for key, value in values.items() if key not in own or own[key] != value}


def _repeats(key: str, value: Any, own: Mapping[str, Any]) -> bool:
    """Whether what a rule says is what holds anyway."""
    if key == "freeze":
        return value is False
    return key != "lr" and own.get(key) == value


def _with_names(groups: list[dict[str, Any]], defaults: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Names that tell the groups apart: their rules' labels, ``rest`` where none speaks, ``all`` for a single one.

    Of two optimizers, the class comes first (``muon``, ``adamw+no_decay``).
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


def _not_taken(rule: Rule, key: str, place: Place, own: Mapping[str, Any]) -> Problem:
    known = [name for name in own if name not in OF_THE_WHOLE]
    near = nearest(key, known)
    return Problem(
        f"The rule '{rule.label}' in param_groups.rules sets {key} for {place.name}.",
        f"{own.get('_target_', 'Its optimizer')} has no such hyperparameter; it has {', '.join(known)}.",
        f"'{near}'?" if near else "leave it out, or let the rule cover other parameters",
    )


def _shadowed(rule: Rule, by: Rule) -> Problem:
    return Problem(
        f"The rule '{rule.label}' in param_groups.rules has no effect: earlier ones say all that it says.",
        "For each parameter and hyperparameter the first match wins.",
        f"put it before '{by.label}', or remove it",
    )


def _missed(rule: Rule, places: Sequence[Place]) -> Problem:
    """Why a rule of the user's covers nothing that is trained."""
    if not rule.selects:
        return Problem(
            f"A rule in param_groups.rules says not which parameters it is for: {dict(rule.values)}.",
            "A rule has match, a pattern over their names, or type, vectors, part.",
            "match: '*' for all of them",
        )
    said = f"The rule '{rule.label}' in param_groups.rules"
    frozen = [place.name for place in places if rule.covers(place)]
    if frozen:
        return Problem(
            f"{said} covers frozen parameters alone ({_listed(frozen)}).",
            "What the model has frozen itself is not trained, and no rule has an effect on it.",
            "remove the rule, or let the model leave them trainable",
        )
    if rule.match is not None:
        names = [name for place in places if place.parameter.requires_grad for name in place.names]
        near = nearest(rule.match, names)
        fix = f"'{near}'?" if near else "a pattern over these names, such as '*.weight'"
        return Problem(f"{said} covers no parameter.", f"Parameters are {_listed(names)}.", fix)
    if rule.type is not None:
        types = sorted({name for place in places for name in place.types})
        near = nearest(rule.type, types)
        fix = f"type: {near}" if near else f"type: {types[0]}" if types else "remove the rule"
        return Problem(f"{said} covers no parameter.", f"Modules are of the types {_listed(types)}.", fix)
    what = "one dimension or none, such as norms and biases" if rule.vectors else f"the part '{rule.part}'"
    return Problem(f"{said} covers no parameter.", f"This model has no trained parameter of {what}.", "remove the rule")


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:4])}{', ...' if len(names) > 4 else ''}"
