"""Dividing a user's samples into parts as a plan says: at random, by groups, by time, into folds."""

from __future__ import annotations

import numpy as np

from lossbook.data.group_split import group_split
from lossbook.data.source import PARTS
from lossbook.data.split import SplitPlan, stratified_split
from lossbook.data.time_split import time_split
from lossbook.errors import refuse


def planned_parts(plan: SplitPlan, strata: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Return the positions of the samples of ``train``, ``val`` and ``test``, each part in random order.

    Folds are the same for every ``plan.fold``, so that each sample is once in the test part; ``val`` is taken from
    what a fold leaves. Folds in time are an expanding window: of ``folds + 1`` spans, fold k is tested on the span
    after the first k + 1, and trained on these; the first span is never tested, and later ones have no part.

    Args:
        plan: of the split; ``groups`` and ``times`` have one value a sample.
        strata: (N,) by which random splits are stratified.
        seed: of splits and orders.

    Raises:
        UserError: a part would be empty.
    """
    if plan.folds is None and plan.groups is None and plan.times is None:
        return dict(zip(PARTS, stratified_split(strata, seed, plan.fractions), strict=True))
    random = np.random.Generator(np.random.PCG64(seed))
    if plan.folds is None:
        part = _divided(plan, np.arange(len(strata)), strata, plan.fractions, random)
        rows = [np.flatnonzero(part == number) for number in range(len(PARTS))]
    else:
        fold = _folds(plan, strata, plan.folds, random)
        test = np.flatnonzero(fold == plan.fold)
        rest = np.flatnonzero(fold < plan.fold if plan.times is not None else fold != plan.fold)
        train, val = split_validation(plan, rest, strata, seed)
        rows = [train, val, test]
    return {name: random.permutation(members) for name, members in zip(PARTS, rows, strict=True)}


def split_validation(plan: SplitPlan, rest: np.ndarray, strata: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions for ``train`` and for ``val`` out of ``rest``: by groups or the last in time, if planned."""
    fraction = plan.fractions[1] / (plan.fractions[0] + plan.fractions[1])
    fractions = (1 - fraction, fraction)
    if plan.groups is None and plan.times is None:
        train, val = stratified_split(strata[rest], seed, fractions)
        return rest[train], rest[val]
    random = np.random.Generator(np.random.PCG64(seed))
    part = _divided(plan, rest, strata, fractions, random)
    return random.permutation(rest[part == 0]), random.permutation(rest[part == 1])


def _divided(
    plan: SplitPlan, rows: np.ndarray, strata: np.ndarray, fractions: tuple[float, ...], random: np.random.Generator
) -> np.ndarray:
    """Return the part of each of these rows, by time or by groups."""
    if plan.times is not None:
        return time_split(plan.times[rows], fractions)
    assert plan.groups is not None
    return group_split(plan.groups[rows], strata[rows], fractions, random)


def _folds(plan: SplitPlan, strata: np.ndarray, folds: int, random: np.random.Generator) -> np.ndarray:
    """Return the fold of each sample (N,); in time, -1 for the first span, which is only trained on."""
    if plan.times is not None:
        return time_split(plan.times, [1 / (folds + 1)] * (folds + 1)) - 1
    if plan.groups is not None:
        return group_split(plan.groups, strata, [1 / folds] * folds, random)
    if len(strata) < folds:
        rule = "Each fold needs a sample."
        raise refuse(f"data.folds={folds} for {len(strata):,} samples.", rule, f"data.folds={max(2, len(strata))}")
    order = random.permutation(len(strata))
    by_stratum = order[np.argsort(np.asarray(strata)[order], kind="stable")]
    fold = np.empty(len(strata), dtype=np.int64)
    fold[by_stratum] = np.arange(len(strata)) % folds  # dealt out: each stratum, and the whole, evenly to within one
    return fold
