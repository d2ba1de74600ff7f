"""Dividing groups of samples into parts, so that no group is in two of them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from lossbook.errors import refuse


def group_split(
    groups: np.ndarray, strata: np.ndarray, fractions: Sequence[float], random: np.random.Generator
) -> np.ndarray:
    """Return the part of each sample (N,), in which all samples of a group are in the same part.

    Greedy, as scikit-learn's StratifiedGroupKFold: groups, the largest first and equal ones in random order, each go
    to the part that most lacks samples of their strata. Sizes are off by at most the size of the largest group.

    Args:
        groups: (N,) of each sample, anything that sorts.
        strata: (N,) of each sample, such as classes.
        fractions: of the parts; they sum to 1.
        random: from which only integers are drawn.

    Raises:
        UserError: there are fewer groups than parts.
    """
    names, group = np.unique(groups, return_inverse=True)
    if len(names) < len(fractions):
        raise refuse(
            f"The samples to divide into {len(fractions)} parts are of {len(names)} group{'s' * (len(names) != 1)}"
            f" ({', '.join(map(str, names))}).",
            "All samples of a group stay in one part, and each part needs a group.",
            "add groups, use fewer folds, or leave the groups out",
        )
    _, stratum = np.unique(strata, return_inverse=True)
    count = stratum.max() + 1
    cells, members = np.unique(group * count + stratum, return_counts=True)  # of each group in each of its strata
    starts = np.searchsorted(cells, np.arange(len(names) + 1) * count)
    sizes = np.bincount(group)
    shuffled = random.permutation(len(names))
    order = shuffled[np.argsort(-sizes[shuffled], kind="stable")]
    totals = np.bincount(stratum).tolist()
    lacking = np.outer(fractions, totals).tolist()  # samples of each stratum that a part still lacks
    lacking_at_all = (np.array(fractions) * len(group)).tolist()
    part = np.empty(len(names), dtype=np.int64)
    empty = set(range(len(fractions)))
    places, numbers, starts, sizes = (one.tolist() for one in (cells % count, members, starts, sizes))
    for turn, chosen in enumerate(order.tolist()):  # numbers of Python: most groups are of few strata
        size = sizes[chosen]
        held = [(places[cell], numbers[cell]) for cell in range(starts[chosen], starts[chosen + 1])]
        most, best = -math.inf, 0
        # the last groups go to parts that have none
        for place in sorted(empty) if len(empty) == len(names) - turn else range(len(fractions)):
            lacks = lacking[place]
            # what the squared lack falls by: in each stratum over its size, and over all strata together
            gain = 0.0
            for one, number in held:  # one after another: sum() rounds differently from Python 3.12 on
                gain += (2 * lacks[one] - number) * number / totals[one]
            gain += (2 * lacking_at_all[place] - size) * size / len(group)
            if gain > most:
                most, best = gain, place
        part[chosen] = best
        empty.discard(best)
        for one, number in held:
            lacking[best][one] -= number
        lacking_at_all[best] -= size
    return part[group]
