"""The verdict on a leaderboard in words: who won, by how much, and whether that is significant."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import takewhile

from lossbook.report.cross_validation import METHOD, paired_chance, tested_over_trained
from lossbook.report.leaderboard import Board, Row, shown
from lossbook.report.ranks import rounded

_LEVEL = 0.05  # of significance


def setting(board: Board, row: Row) -> str:
    """Return a row's label, with the loss and optimizer that all rows of its leaderboard, but not others, share."""
    fixed = dict(board.fixed) if board.keys else {}
    shared = [fixed[key] for key in ("loss", "optim") if key in fixed]
    first, *rest = row.label.split(", ", 1)
    loss_first = board.keys[:1] == ("loss",)  # as in all names
    return ", ".join([first, *shared, *rest] if loss_first else [*shared, row.label])


def verdict(board: Board) -> str:
    """Return who won, by how much, and whether that is significant, in a few sentences."""
    if not board.ranked:
        return "No run gave a result."
    best, *tied = board.winners
    others = board.ranked[len(board.winners) :]
    over = f", one {best.unit}" if best.told_count == "1" else f" over {best.told_count} {best.unit}s"
    won = f"{setting(board, best)}: {best.result}{over}"
    if tied:
        return f"{won}, level with {_names([row.label for row in tied])}.{_chance(board)}"
    if not others:
        return f"{won}."
    second = others[0]
    ahead = _ahead(best, second)
    if rounded(best.result.mean) == rounded(second.result.mean):
        return f"{won}, level with {second.label}; first by its lower val/loss."
    by = shown(ahead, best.result.mean if ahead >= 5e-5 else None)
    return f"{won}, {by} ahead of {second.label} ({second.result}).{_chance(board)}"


def winner(board: Board) -> str:
    """Return the configuration in first place, and how many more share it."""
    more = len(board.winners) - 1
    return setting(board, board.winners[0]) + (f" and {more} level with it" if more else "")


def _names(names: Sequence[str]) -> str:
    """Return ``a``, ``a and b``, ``a, b and c`` or ``a, b and 2 more``."""
    head, last = (names[:-1], names[-1]) if len(names) <= 3 else (names[:2], f"{len(names) - 2} more")
    return f"{', '.join(head)} and {last}" if head else last


def _chance(board: Board) -> str:
    """Return what the seeds or folds say about the winner's lead."""
    best, second, *_ = board.ranked
    others = board.ranked[len(board.winners) :]
    folded, units = best.folded and second.folded, f"{best.unit}s"
    fewest = len(_differences(best, second)) if folded else min(len(row.runs) for row in (best, second))
    if fewest < 2:
        return f" One {best.unit} cannot separate skill from luck: run several."
    level = len(list(takewhile(lambda row: _as_good(board, row), others)))
    if second.rank == 1:
        many = f"; the next {level} after them cannot be distinguished from them" if level else ""
        return f" Two {units} say little{many}: run more." if fewest == 2 else f" No clear win{many}."
    if fewest == 2:
        return f" Two {units} say little: run more."
    name = f"paired, {METHOD}," if folded else "Welch's t-test"
    test = f"{name} over {units}: {_p(chance(best, second))}"
    if chance(best, second) < _LEVEL:
        return f" This is significant ({test})."
    many = f"; the next {level} after the winner cannot be distinguished from it" if level > 1 else ""
    return f" Not significant ({test}){many}."


def _as_good(board: Board, row: Row) -> bool:
    """Return whether a row may be as good as the winner: several seeds, one in the winner's range, no significant test.

    The test alone is not enough: with few seeds it does not reject rows that vary a lot, however far behind.
    """
    best = board.ranked[0]
    worst = max(map(board.contest.better, best.result.values))
    within = min(map(board.contest.better, row.result.values)) <= worst
    return len(row.runs) > 1 and within and chance(best, row) >= _LEVEL


def chance(one: Row, other: Row) -> float:
    """Return the p-value of two configurations' means: two-sided t-test of Welch, 1947 (variances may differ).

    Folds are compared in pairs, by the test of ``cross_validation``. 1 if either has a single seed or fold.
    """
    from scipy.special import stdtr

    if one.folded and other.folded:
        return paired_chance(_differences(one, other), tested_over_trained(one.runs, "val"))
    counts = [len(row.runs) for row in (one, other)]
    if min(counts) < 2:
        return 1.0
    errors = [(row.result.deviation or 0.0) ** 2 / count for row, count in zip((one, other), counts, strict=True)]
    if not sum(errors):
        return 1.0 if _ahead(one, other) == 0 else 0.0
    freedom = sum(errors) ** 2 / sum(error**2 / (count - 1) for error, count in zip(errors, counts, strict=True))
    return float(2 * stdtr(freedom, -_ahead(one, other) / math.sqrt(sum(errors))))


def _differences(one: Row, other: Row) -> list[float]:
    """Return what one is above the other on each fold that both have."""
    first, second = one.by_fold(), other.by_fold()
    return [first[fold] - second[fold] for fold in first if fold in second]


def _p(value: float) -> str:
    """Format a p-value in two digits, or as many as distinguish it from the significance level."""
    if value < 0.001:
        return "p < 0.001"
    return f"p = {next(text for digits in range(2, 9) if (text := f'{value:.{digits}g}') != str(_LEVEL))}"


def _ahead(best: Row, other: Row) -> float:
    mean, behind = best.result.mean, other.result.mean
    assert mean is not None, "it is ranked"
    assert behind is not None, "it is ranked"
    return abs(mean - behind)
