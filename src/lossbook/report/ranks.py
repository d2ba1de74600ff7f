"""The ranks of configurations, with ties."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby


@dataclass(frozen=True)
class Standing:
    """What decides the rank of a configuration.

    Args:
        result: the metric, lower is better; None if there is none.
        loss: its val/loss, which breaks ties.
        criterion: of that loss; losses of different criteria are not comparable.
        label: the order of those that share a rank.
    """

    result: float | None
    loss: float | None
    criterion: str
    label: str


def places(standings: Sequence[Standing]) -> list[tuple[int, int | None]]:
    """Return the position and rank of each standing, the best first: 1, 1, 1, 4; without a metric last, rank None.

    Ties go to the lower loss if all of them have the same criterion; otherwise they share the rank.
    """
    found: list[tuple[int, int | None]] = []
    order = sorted(range(len(standings)), key=lambda at: (rounded(standings[at].result), standings[at].label))
    for result, same in groupby(order, key=lambda at: rounded(standings[at].result)):
        level = list(same)
        if len({standings[at].criterion for at in level}) == 1:
            level.sort(key=lambda at: rounded(standings[at].loss))
            groups = [list(one) for _, one in groupby(level, key=lambda at: rounded(standings[at].loss))]
        else:
            groups = [level]
        for group in groups:
            rank = len(found) + 1 if math.isfinite(result) else None
            found += [(at, rank) for at in group]
    return found


def rounded(value: float | None) -> float:
    """Round to six digits, the limit of single precision: values that agree in them are ties."""
    return math.inf if value is None else float(f"{value:.6g}")
