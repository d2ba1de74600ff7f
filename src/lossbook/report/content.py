"""What a report holds, for those who write it down or print it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lossbook.report.leaderboard import Board, Row, shown
from lossbook.report.plan import Job, Plan
from lossbook.report.runs import Run


@dataclass(frozen=True)
class Picture:
    """A file, what it shows, and what to know of it."""

    path: Path
    name: str
    caption: str


@dataclass(frozen=True)
class Report:
    """What came out of a set of runs.

    Args:
        folders: that were looked at.
        out: the folder with the files.
        runs: all of them.
        plans: of the sweeps among them.
        keys: of the settings that vary.
        boards: a leaderboard for each contest.
        unplaced: runs that belong to none: it is not known what they watched, or on what data.
        refused: jobs that were not started, since the contracts refuse them.
        missing: jobs that have not run yet.
        pictures: of each board.
    """

    folders: tuple[Path, ...]
    out: Path
    runs: tuple[Run, ...]
    plans: tuple[Plan, ...]
    keys: tuple[str, ...]
    boards: tuple[Board, ...]
    unplaced: tuple[Run, ...]
    refused: tuple[Job, ...]
    missing: tuple[Job, ...]
    pictures: tuple[tuple[Picture, ...], ...]

    @property
    def readme(self) -> Path:
        return self.out / "README.md"

    @property
    def lost(self) -> tuple[Run, ...]:
        """The runs without a figure that counts."""
        return tuple(run for run in self.runs if not run.counts)

    @property
    def unfinished(self) -> str:
        """``3 of 12 unfinished``, of the jobs that were not refused; empty where all have ended."""
        open_ends = ("unfinished", "interrupted") if self.plans else ("unfinished",)
        number = sum(run.ending in open_ends for run in self.runs) + len(self.missing)
        return f"{number} of {len(self.runs) + len(self.missing)} unfinished" if number else ""


def counts(report: Report) -> str:
    """How many runs there are, and what became of them."""
    endings = Counter(run.ending for run in report.runs)
    if report.refused:
        endings["refused"] = len(report.refused)
    if report.missing:
        endings["not run yet"] = len(report.missing)
    whole = sum(endings.values())
    parts = ", ".join(f"{number} {ending}" for ending, number in endings.items())
    note = f" ({report.unfinished}: ranks may change)" if report.unfinished else ""
    return f"{whole} {'job' if report.plans else 'run'}{'s' if whole != 1 else ''}: {parts}{note}"


def setting(board: Board, row: Row) -> str:
    """A row's label, with the loss and the optimizer that all rows of its board share and those of others do not."""
    shared = [value for key, value in board.fixed if key in ("loss", "optim")] if board.keys else []
    return ", ".join([*shared, row.label])


def verdict(board: Board) -> str:
    """Who won, by how much, and whether that is more than chance, in a few sentences."""
    if not board.ranked:
        return "No run gave a figure."
    best, *tied = board.winners
    others = board.ranked[len(board.winners) :]
    over = ", one seed" if best.seeds == "1" else f" over {best.seeds} seeds"
    won = f"{setting(board, best)}: {best.figure}{over}"
    if tied:
        return f"{won}, level with {_names([row.label for row in tied])}.{_chance(board)}"
    if not others:
        return f"{won}."
    second = others[0]
    ahead = _ahead(best, second)
    if ahead <= 1e-6 * abs(best.figure.mean or 0):
        return f"{won}, level with {second.label}; first by its lower val/loss.{_chance(board)}"
    by = shown(ahead, best.figure.mean if ahead >= 5e-5 else None)
    return f"{won}, {by} ahead of {second.label} ({second.figure}).{_chance(board)}"


def winner(board: Board) -> str:
    """The configuration in the first place; of several, how many there are besides."""
    more = len(board.winners) - 1
    return setting(board, board.winners[0]) + (f" and {more} level with it" if more else "")


def _names(names: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``, ``a, b and 2 more``."""
    head, last = (names[:-1], names[-1]) if len(names) <= 3 else (names[:2], f"{len(names) - 2} more")
    return f"{', '.join(head)} and {last}" if head else last


def _chance(board: Board) -> str:
    """What the seeds say of the winner's lead."""
    best, second, *_ = board.ranked
    others = board.ranked[len(board.winners) :]
    fewest = min(len(row.runs) for row in (best, second))
    if fewest == 1:
        return " One seed does not tell skill from luck: run several."
    level = sum(within(best, row) for row in others)
    if second.rank == 1:
        many = f"; {level} more cannot be told from them" if level else ""
        return f" Two seeds say little{many}: run more." if fewest == 2 else f" No clear win{many}."
    if not within(best, second):
        more = f" {level} further down deviate so much that they may be as good." if level else ""
        return " Two seeds say little: run more." if fewest == 2 else f" That is more than the seeds deviate.{more}"
    many = f"; {level} others cannot be told from the winner" if level > 1 else ""
    return f" That is within the deviation over seeds, no clear win{many}."


def within(best: Row, other: Row) -> bool:
    """Whether two means are no further apart than a run of the one deviates from a run of the other."""
    return _ahead(best, other) <= math.hypot(best.figure.deviation or 0.0, other.figure.deviation or 0.0)


def _ahead(best: Row, other: Row) -> float:
    mean, behind = best.figure.mean, other.figure.mean
    assert mean is not None, "it is ranked"
    assert behind is not None, "it is ranked"
    return abs(mean - behind)
