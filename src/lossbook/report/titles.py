"""What stands above pictures: the metric, the data, and over how many seeds."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from lossbook.report.contests import Contest
from lossbook.report.leaderboard import Board

_INCH = 0.085  # that a letter of a label takes


def heading(board: Board, width: float) -> str:
    """``val/acc on digits: mean of 3 seeds``, in lines of so many inches."""
    return textwrap.fill(f"{board.title}: {_seeds(board)}", max(20, int(width / 0.1)))


def _seeds(board: Board) -> str:
    counts = sorted({len(row.runs) for row in board.ranked})
    if not counts:
        return "no run ended"
    if counts == [1]:
        return "one seed"
    return f"mean of {counts[0]} seeds" if len(counts) == 1 else f"mean of {counts[0]} to {counts[-1]} seeds"


def direction(contest: Contest) -> str:
    return "higher is better" if contest.mode == "max" else "lower is better"


def letters(names: Sequence[str]) -> float:
    """The inches that the longest of these labels takes."""
    return _INCH * max(map(len, names), default=0)
