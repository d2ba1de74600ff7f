"""One language of colours in all pictures of a report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lossbook.plots.style import BLUE, GREEN, INK, ORANGE, PURPLE, RED, SKY

WINNER = ORANGE  # and nothing else is of this colour
REST = BLUE  # where all others look alike
LOST = RED  # without a figure, or far behind
_OTHERS = (BLUE, GREEN, PURPLE, SKY, INK)
_LINES: tuple[Any, ...] = ("-", "--", "-.", (0, (1, 1)), (0, (5, 1, 1, 1, 1, 1)))
Look = tuple[str, Any]  # colour and line


def looks(won: Sequence[bool]) -> list[Look]:
    """A colour and a line for each: winners share the colour, no two others look alike up to twenty-five."""
    found: list[Look] = []
    for place, one in enumerate(won):
        before = sum(other == one for other in won[:place])
        if one:
            found.append((WINNER, _LINES[before % len(_LINES)]))
        else:
            found.append((_OTHERS[before % len(_OTHERS)], _LINES[before // len(_OTHERS) % len(_LINES)]))
    return found
