"""Which values of a search fit the contracts: combinations of options, ends of intervals, a sampled trial."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

from lossbook.config.check import check
from lossbook.config.composed import composed
from lossbook.config.hydra_internals import reader
from lossbook.config.options import Options
from lossbook.config.resolve import plain
from lossbook.errors import UserError
from lossbook.losses.contract import Contract
from lossbook.search.plan import SearchPlan
from lossbook.search.space import Parameter, without

Combination = tuple[tuple[Parameter, str], ...]  # parameters that choose options, each with one of them
Fitting = tuple[dict[str, Any], Contract]  # a config, and the contract of its loss
_COMBINATIONS = 60  # up to so many are all composed beforehand, at a tenth of a second each


def problem_with(arguments: Sequence[str], folders: Sequence[Path]) -> UserError | None:
    """Return what is wrong with a trial of these arguments; None if it can be trained."""
    try:
        check(plain(composed(arguments, folders)), Options(folders))
    except UserError as error:
        return error
    return None


def fitting_combinations(
    groups: Sequence[Parameter], fixed: Sequence[str], folders: Sequence[Path], options: Options
) -> tuple[dict[Combination, Fitting], dict[Combination, str]]:
    """Return the combinations of options that fit together, with their configs, and why the others do not."""
    lists = [[(group, name) for name in group.choices] for group in groups]
    together: Iterable[Combination] = product(*lists)
    if prod(map(len, lists)) > _COMBINATIONS:  # each option with the first of every other group
        firsts = [one[0] for one in lists]
        together = dict.fromkeys(
            tuple(option if place == changed else first for place, first in enumerate(firsts))
            for changed, names in enumerate(lists)
            for option in names
        )
    fine, refused, error = {}, {}, None
    composes = reader(folders)
    for one in together:
        composition = composed([*fixed, *(group.override(name) for group, name in one)], folders, composes)
        try:
            config = plain(composition)
            fine[one] = config, check(config, options)
        except UserError as problem:
            error, refused[one] = error or problem, str(problem)
    if not fine:
        assert error is not None
        raise error
    return fine, refused


def without_unfit(
    groups: Sequence[Parameter], fitting: Iterable[Combination], refused: Mapping[Combination, str]
) -> tuple[list[Parameter], list[tuple[str, str]]]:
    """Return the groups without options that fit no combination, and these options with the reasons."""
    fine = {(group.key, name) for one in fitting for group, name in one}
    remaining, dropped = [], []
    for group in groups:
        out = {name for name in group.choices if (group.key, name) not in fine}
        remaining.append(without(group, out))
        for name in out:
            reason = next(why for one, why in refused.items() if (group, name) in one)
            dropped.append((group.override(name), reason))
    return remaining, sorted(dropped)


def with_checked_values(
    plan: SearchPlan,
    others: Sequence[Parameter],
    combinations: Mapping[Combination, Fitting],
    folders: Sequence[Path],
    options: Options,
) -> SearchPlan:
    """Return the plan without choices that fit no combination; both ends of every interval must fit one."""
    kept, dropped = [], list(plan.refused)
    for one in others:
        out, error = set(), None
        where = [
            combination
            for combination in combinations
            if one.only is None or any(group.name == one.only[0] and name in one.only[1] for group, name in combination)
        ]
        for place, probe in enumerate(one.probes()):
            error = _fits_nowhere(probe, where, plan.fixed, folders, options)
            if error is not None and not one.choices:
                raise error
            if error is not None:
                out.add(one.choices[place])
                dropped.append((probe, str(error)))
        if one.choices and len(out) == len(one.choices):
            assert error is not None
            raise error
        kept.append(without(one, out))
    groups = plan.parameters[: len(plan.parameters) - len(others)]
    return replace(plan, parameters=(*groups, *kept), refused=tuple(dropped))


def _fits_nowhere(
    probe: str,
    combinations: Iterable[Combination],
    fixed: Sequence[str],
    folders: Sequence[Path],
    options: Options,
) -> UserError | None:
    """Return the first reason against an argument; None if it fits some combination of options."""
    first, composes = None, reader(folders)
    for one in combinations:
        config = composed([*fixed, *(group.override(name) for group, name in one), probe], folders, composes)
        try:
            check(plain(config), options)
        except UserError as error:
            first = first or error
            continue
        return None
    return first
