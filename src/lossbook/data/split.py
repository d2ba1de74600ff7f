"""The split into training, validation and test part, with every stratum shared out alike."""

from __future__ import annotations

import numpy as np

from lossbook.errors import refuse

FRACTIONS = (0.70, 0.15, 0.15)
_ROUNDING = 1e-9


def stratified_split(strata: np.ndarray, seed: int, fractions: tuple[float, ...] = FRACTIONS) -> list[np.ndarray]:
    """Disjoint index sets in the given proportions, each with its share of every stratum, to within one sample.

    Args:
        strata: (N,) anything that ``numpy.unique`` sorts, such as class indices.
        seed: fixes the draw; the numbers are numpy's PCG64, integers alone, hence the same on every machine.
        fractions: of the whole, in order; they sum to 1.

    Returns:
        One array of indices a fraction, each in random order, so that its first k are a random subset, too.

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
    # a sample's place within its stratum, in (0, 1): cutting the sorted places cuts every stratum about in proportion
    by_place = np.argsort((rank + 0.5) / sizes[stratum], kind="stable")
    order, stratum, rank = order[by_place], stratum[by_place], rank[by_place]
    rows = _shared_out(stratum, rank, sizes, fractions)
    parts = [random.permutation(order[part]) for part in rows]
    if any(len(part) == 0 for part in parts):
        raise refuse(
            f"a set of {len(strata)} samples",
            f"Split {' / '.join(f'{fraction:.0%}' for fraction in fractions)}, each part needs at least one sample.",
            "supply more samples, or parts of your own where the data option takes them",
        )
    return parts


def _shared_out(
    stratum: np.ndarray, rank: np.ndarray, sizes: np.ndarray, fractions: tuple[float, ...]
) -> list[np.ndarray]:
    """For each part its rows, in order: the first that are left, but for strata that would miss a quota by over one.

    That can always be met with two parts, and with three of which the last two are equal.

    Args:
        stratum, rank: (N,) of each row; the number in its stratum rises from row to row.
        sizes: of the strata.
        fractions: of the parts.
    """
    totals = np.diff(np.round(np.cumsum((0.0, *fractions)) * len(stratum)).astype(int))
    left, parts = sizes.copy(), []
    waiting = np.ones(len(stratum), dtype=bool)
    for number, total in enumerate(totals):
        quota, later = fractions[number] * sizes, sum(fractions[number + 1 :]) * sizes
        # neither this part nor all later ones together may miss theirs
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
    """Strata for real targets: (N,) values to the index of their quantile group, ``groups`` of equal size."""
    rank = np.argsort(np.argsort(values, kind="stable"), kind="stable")
    return rank * groups // max(len(values), 1)
