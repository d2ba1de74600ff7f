"""The split into training, validation and test part, with every stratum shared out alike."""

from __future__ import annotations

import numpy as np

from lossbook.errors import refuse

FRACTIONS = (0.70, 0.15, 0.15)


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
    # a sample's place within its stratum, in (0, 1): cutting the sorted places cuts every stratum in proportion
    grouped = np.argsort(stratum, kind="stable")
    place = np.empty(len(strata))
    place[grouped] = np.arange(len(strata)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    order = order[np.argsort((place + 0.5) / sizes[stratum], kind="stable")]
    cuts = np.round(np.cumsum(fractions)[:-1] * len(order)).astype(int)
    parts = [random.permutation(part) for part in np.split(order, cuts)]
    if any(len(part) == 0 for part in parts):
        raise refuse(
            f"a set of {len(strata)} samples",
            f"Split {' / '.join(f'{fraction:.0%}' for fraction in fractions)}, each part needs at least one sample.",
            "supply more samples, or parts of your own where the data option takes them",
        )
    return parts


def value_strata(values: np.ndarray, groups: int = 10) -> np.ndarray:
    """Strata for real targets: (N,) values to the index of their quantile group, ``groups`` of equal size."""
    rank = np.argsort(np.argsort(values, kind="stable"), kind="stable")
    return rank * groups // max(len(values), 1)
