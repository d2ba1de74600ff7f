"""Rules over parameter names -> parameter groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from torch import nn

from lossbook.errors import Problem, UserError, nearest

_TESTS = ("match", "vectors")


def parameter_groups(
    parameters: Iterable[tuple[str, nn.Parameter]],
    rules: Sequence[Mapping[str, Any]],
    preset: Sequence[Mapping[str, Any]] = (),
    defaults: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Parameter groups by ordered rules; the first match wins for each hyperparameter.

    A rule is ``{match: pattern, lr: ..., weight_decay: ...}``, the pattern a glob over the name (``model.head.*``);
    ``vectors: true`` in place of a pattern matches tensors of at most one dimension (norms, biases, temperatures).
    ``freeze: true`` takes a parameter out of training. Parameters with the same hyperparameters share a group.

    Args:
        parameters: names and parameters, each once.
        rules: the user's; one that matches nothing that is trained is an error.
        preset: applied after them, and content to match nothing.
        defaults: the optimizer's own hyperparameters: a rule that repeats them makes no group of its own.

    Raises:
        UserError: rules that match nothing, with the nearest names, or nothing left to train.
    """
    every = list(parameters)
    named = [(name, parameter) for name, parameter in every if parameter.requires_grad]
    matched: set[int] = set()
    groups: dict[tuple[tuple[str, Any], ...], dict[str, Any]] = {}
    for name, parameter in named:
        chosen: dict[str, Any] = {}
        for number, rule in enumerate((*rules, *preset)):
            if _matches(rule, name, parameter):
                matched.add(number)
                chosen = {**{k: v for k, v in rule.items() if k not in _TESTS}, **chosen}
        if chosen.pop("freeze", False):
            parameter.requires_grad_(False)
            continue
        chosen = {name: value for name, value in chosen.items() if (defaults or {}).get(name) != value}
        key = tuple(sorted((k, str(v)) for k, v in chosen.items()))
        group = groups.setdefault(key, {"params": [], **chosen})
        group["params"].append(parameter)
    missed = [rule for number, rule in enumerate(rules) if number not in matched]
    if missed:
        raise UserError(*(_missed(rule, every) for rule in missed))
    if not groups:
        raise UserError(Problem("param_groups.rules freeze every parameter.", "One at least must be trained."))
    return list(groups.values())


def _matches(rule: Mapping[str, Any], name: str, parameter: nn.Parameter) -> bool:
    if rule.get("vectors"):
        return parameter.ndim <= 1
    return fnmatchcase(name, rule.get("match") or "")


def _missed(rule: Mapping[str, Any], every: Sequence[tuple[str, nn.Parameter]]) -> Problem:
    """Why a rule of the user's matches nothing that is trained."""
    if not any(rule.get(test) for test in _TESTS):
        return Problem(
            f"A rule in param_groups.rules says not which parameters it is for: {dict(rule)}.",
            "A rule has match, a pattern over their names, or vectors: true for norms and biases.",
            "match: '*' for all of them",
        )
    said = "vectors: true" if rule.get("vectors") else f"The pattern '{rule['match']}'"
    frozen = [name for name, parameter in every if _matches(rule, name, parameter)]
    names = [name for name, parameter in every if parameter.requires_grad]
    if frozen:
        return Problem(
            f"{said} in param_groups.rules matches frozen parameters alone ({_listed(frozen)}).",
            "What the model has frozen itself is not trained, and no rule has an effect on it.",
            "remove the rule, or let the model leave them trainable",
        )
    if rule.get("vectors"):
        return Problem(
            f"{said} in param_groups.rules matches no parameter.",
            "This model has no trained parameter of one dimension or none, such as norms and biases.",
            "remove the rule, or give match: a pattern in its place",
        )
    near = nearest(rule["match"], names)
    return Problem(
        f"{said} in param_groups.rules matches no parameter.",
        f"Parameters are {_listed(names)}.",
        f"'{near}'?" if near else "a pattern over these names, such as '*.weight'",
    )


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:4])}{', ...' if len(names) > 4 else ''}"
