"""Stratified random splits into training, validation and test parts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lossbook.errors import refuse

FRACTIONS = (0.70, 0.15, 0.15)
_ROUNDING = 1e-9


@dataclass(frozen=True)
class SplitPlan:
    """How a user's own data is divided where neither folders nor a file say it.

    Args:
        fractions: of train, val and test; with folds, the first two divide what the fold leaves.
        groups: (N,) of each sample; samples of one group stay in one part. None: each sample for itself.
        times: (N,) anything that sorts; training comes before validation, validation before test. None: at random.
        folds: number of parts of equal size for cross-validation, each of them once the test part; None: no folds.
        fold: which of them, from 0, is the test part.
    """

    fractions: tuple[float, float, float] = FRACTIONS
    groups: np.ndarray | None = None
    times: np.ndarray | None = None
    folds: int | None = None
    fold: int = 0

    def of(self, rows: np.ndarray) -> SplitPlan:
        """Return the plan for these samples alone."""
        groups, times = (None if values is None else values[rows] for values in (self.groups, self.times))
        return replace(self, groups=groups, times=times)


def stratified_split(strata: np.ndarray, seed: int, fractions: tuple[float, ...] = FRACTIONS) -> list[np.ndarray]:
    """Return disjoint index sets in the given proportions, each with its share of every stratum to within one sample.

    Args:
        strata: (N,) anything that ``numpy.unique`` sorts, such as class indices.
        seed: of NumPy's PCG64, from which only integers are drawn, so that all machines agree.
        fractions: of the whole, in order; they sum to 1.

    Returns:
        One array of indices per fraction, each in random order, so that its first k are a random subset as well.

    Raises:
        UserError: a part would be empty.
    """
    assert abs(sum(fractions) - 1) < 1e-9, fractions
    random = np.random.Generator(np.random.PCG64(seed))
    order = random.permutation(len(strata))
    _, stratum, sizes = np.unique(np.asarray(strata)[order], return_inverse=True, return_counts=True)
    grouped = np.argsort(stratum, kind="stable")
    rank = np.empty(len(strata), dtype=np.int64)
    rank[grouped] = np.arange(len(strata)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    # sorted by relative rank within the stratum, in (0, 1): cuts then divide every stratum about in proportion
    by_place = np.argsort((rank + 0.5) / sizes[stratum], kind="stable")
    order, stratum, rank = order[by_place], stratum[by_place], rank[by_place]
    rows = _shared_out(stratum, rank, sizes, fractions)
    parts = [random.permutation(order[part]) for part in rows]
    if any(len(part) == 0 for part in parts):
        raise refuse(
            f"a set of {len(strata)} samples",
            f"Each part of the split {' / '.join(f'{fraction:.0%}' for fraction in fractions)} needs a sample.",
            "add samples, or give the parts yourself where the data option allows it",
        )
    return parts


def _shared_out(
    stratum: np.ndarray, rank: np.ndarray, sizes: np.ndarray, fractions: tuple[float, ...]
) -> list[np.ndarray]:
    """Return the rows of each part: the first remaining ones, except where a stratum would be off by over one.

    This always succeeds for two parts, and for three of which the last two are equal.

    Args:
        stratum, rank: (N,) of each row; ranks within a stratum increase from row to row.
        sizes: of the strata.
        fractions: of the parts.
    """
    totals = np.diff(np.round(np.cumsum((0.0, *fractions)) * len(stratum)).astype(int))
    left, parts = sizes.copy(), []
    waiting = np.ones(len(stratum), dtype=bool)
    for number, total in enumerate(totals):
        quota, later = fractions[number] * sizes, sum(fractions[number + 1 :]) * sizes
        # neither this part nor all later ones together may be off by over one
        least = np.maximum(_at_least(quota), left - _at_most(later))
        most = np.minimum(_at_most(quota), left - _at_least(later))
        turn = rank - (sizes - left)[stratum]  # 0 for the next of its stratum
        urgency = np.select([~waiting, turn < least[stratum], turn < most[stratum]], [3, 0, 1], 2)
        chosen = np.sort(np.argsort(urgency, kind="stable")[:total])
        waiting[chosen] = False
        left = left - np.bincount(stratum[chosen], minlength=len(sizes))
        parts.append(chosen)
    return parts


def _at_least(quota: np.ndarray) -> np.ndarray:
    return np.ceil(quota - 1 - _ROUNDING).astype(int)


def _at_most(quota: np.ndarray) -> np.ndarray:
    return np.floor(quota + 1 + _ROUNDING).astype(int)


def value_strata(values: np.ndarray, groups: int = 10) -> np.ndarray:
    """Return strata for real-valued targets (N,): the index of one of ``groups`` quantile groups of equal size."""
    rank = np.argsort(np.argsort(values, kind="stable"), kind="stable")
    return rank * groups // max(len(values), 1)
