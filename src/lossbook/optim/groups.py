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
        rules: the user's; a pattern that matches nothing is an error.
        preset: applied after them, and content to match nothing.
        defaults: the optimizer's own hyperparameters: a rule that repeats them makes no group of its own.

    Raises:
        UserError: patterns that match nothing, with the nearest names, or nothing left to train.
    """
    named = [(name, parameter) for name, parameter in parameters if parameter.requires_grad]
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
    names = [name for name, _ in named]
    missed = [rule for number, rule in enumerate(rules) if number not in matched]
    if missed:
        raise UserError(*(_missed(rule, names) for rule in missed))
    if not groups:
        raise UserError(Problem("param_groups.rules freeze every parameter.", "One at least must be trained."))
    return list(groups.values())


def _matches(rule: Mapping[str, Any], name: str, parameter: nn.Parameter) -> bool:
    if rule.get("vectors"):
        return parameter.ndim <= 1
    return fnmatchcase(name, rule.get("match", ""))


def _missed(rule: Mapping[str, Any], names: list[str]) -> Problem:
    pattern = rule.get("match", "")
    near = nearest(pattern, names)
    return Problem(
        f"The pattern '{pattern}' in param_groups.rules matches no parameter.",
        f"Parameters are {', '.join(names[:4])}{', ...' if len(names) > 4 else ''}.",
        f"'{near}'?" if near else "",
    )
