"""Which place each configuration takes, and who shares one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby


@dataclass(frozen=True)
class Standing:
    """What decides on a configuration's place.

    Args:
        figure: the lower the better; None where it has none.
        loss: its val/loss, which decides between equals.
        criterion: what that is a figure of; the losses of different criteria do not compare.
        label: decides on the order of those that share a place.
    """

    figure: float | None
    loss: float | None
    criterion: str
    label: str


def places(standings: Sequence[Standing]) -> list[tuple[int, int | None]]:
    """The number of each standing and its rank, the best first: 1, 1, 1, 4; those without a figure last, without rank.

    Equal figures go by the lower loss where all of them are of one and the same criterion; else they share the rank.
    """
    found: list[tuple[int, int | None]] = []
    order = sorted(range(len(standings)), key=lambda at: (rounded(standings[at].figure), standings[at].label))
    for figure, same in groupby(order, key=lambda at: rounded(standings[at].figure)):
        level = list(same)
        if len({standings[at].criterion for at in level}) == 1:
            level.sort(key=lambda at: rounded(standings[at].loss))
            groups = [list(one) for _, one in groupby(level, key=lambda at: rounded(standings[at].loss))]
        else:
            groups = [level]
        for group in groups:
            rank = len(found) + 1 if math.isfinite(figure) else None
            found += [(at, rank) for at in group]
    return found


def rounded(value: float | None) -> float:
    """To six digits: values that agree in them are level, since single precision tells no more."""
    return math.inf if value is None else float(f"{value:.6g}")
