"""How much of an axis is worth showing: one run that diverged must not squash all others into a line."""

from __future__ import annotations

from collections.abc import Sequence

TOLD_APART = 0.25  # the better half wants this part of an axis or of the colours


def in_sight(values: Sequence[float], mode: str, part: float = 0.1) -> int:
    """How many of these values, from the best on, share an axis.

    The others, fewer than half of all, lie so far behind that the better half would fall into a tenth of the axis and
    could not be told apart.

    Args:
        values: in any order.
        mode: ``max`` or ``min``.
        part: of the axis, instead of a tenth.
    """
    values = sorted(values, reverse=mode == "max")
    for better in range(max(2, len(values) - max(1, (len(values) - 1) // 2)), len(values)):
        if spread := abs(values[0] - values[better - 1]):  # those that are equal want no room
            return sum(abs(values[0] - value) * part <= spread for value in values)
    return len(values)


def limits(values: Sequence[float], margin: float = 0.06) -> tuple[float, float]:
    """The ends of an axis that shows all these values, with some room."""
    low, high = min(values), max(values)
    room = (high - low) * margin or abs(high) * 0.02 or 0.02
    return low - room, high + room
