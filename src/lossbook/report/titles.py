"""Titles and axis labels of a leaderboard's pictures."""

from __future__ import annotations

import textwrap

from lossbook.report.contests import Contest
from lossbook.report.leaderboard import Board

_LETTERS_PER_INCH = 10


def picture_title(board: Board, width: float) -> str:
    """Return ``val/acc on digits: mean of 3 seeds``, wrapped to a width in inches."""
    return textwrap.fill(f"{board.title}: {_seeds(board)}", max(20, int(width * _LETTERS_PER_INCH)))


def metric_label(contest: Contest) -> str:
    """Return ``val/acc (higher is better)``."""
    return f"{contest.primary} ({'higher' if contest.mode == 'max' else 'lower'} is better)"


def _seeds(board: Board) -> str:
    counts = sorted({len(row.result.values) for row in board.ranked})
    if not counts:
        return "no run completed"
    if counts == [1]:
        return f"one {board.unit}"
    most = "" if len(counts) == 1 else f" to {counts[-1]}"
    return f"mean of {counts[0]}{most} {board.unit}s"
