"""Samples that have come to a checkpoint's data since: their parts, beside those of the samples that it knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from lossbook.data.planned_parts import planned_parts
from lossbook.data.source import PARTS
from lossbook.data.split import SplitPlan


def parts_of_new(
    plan: SplitPlan, rows: Mapping[str, np.ndarray], new: np.ndarray, strata: np.ndarray, seed: int
) -> dict[str, np.ndarray]:
    """Return the positions of new samples by part.

    By time, a sample is in the first part that reaches to it, and in test if none does. By groups, it is in the part
    of its group. What remains is divided as planned; a few samples, too few to be divided, are trained on.

    Args:
        plan: of the whole data.
        rows: part -> positions of known samples.
        new: positions of new samples.
        strata: of all samples.
        seed: of the split.
    """
    if plan.times is not None:
        place = np.zeros(len(new), dtype=np.int64)
        for number, name in enumerate(PARTS[:-1], start=1):
            if len(rows[name]):
                place[plan.times[new] > plan.times[rows[name]].max()] = number
        return {name: new[place == number] for number, name in enumerate(PARTS)}
    added = dict.fromkeys(PARTS, new[:0])
    if plan.groups is not None:
        for name in PARTS:
            here = np.isin(plan.groups[new], plan.groups[rows[name]])
            added[name], new = new[here], new[~here]
    units = len(new) if plan.groups is None else len(np.unique(plan.groups[new]))
    if units < 2 * len(PARTS):
        return added | {"train": np.concatenate([added["train"], new])}
    train, val, test = plan.fractions
    if plan.folds is not None:
        rest = (1 - 1 / plan.folds) / (train + val)
        train, val, test = train * rest, val * rest, 1 / plan.folds
    shared = planned_parts(replace(plan.of(new), fractions=(train, val, test), folds=None), strata[new], seed)
    return {name: np.concatenate([added[name], new[shared[name]]]) for name in PARTS}


def beyond_fold(plan: SplitPlan, rows: Mapping[str, np.ndarray], new: np.ndarray) -> np.ndarray:
    """Return which new samples (M,) come after the test part of a fold in time that is not the last.

    They belong to later folds: the fold had no part for them when it was trained, and has none now.
    """
    if plan.folds is None or plan.times is None or plan.fold == plan.folds - 1 or not len(rows["test"]):
        return np.zeros(len(new), dtype=bool)
    beyond: np.ndarray = plan.times[new] > plan.times[rows["test"]].max()
    return beyond
