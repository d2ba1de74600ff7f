"""What a report holds, for those who write it down or print it."""

from __future__ import annotations

import math
from collections import Counter
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


def counts(report: Report) -> str:
    """How many runs there are, and what became of them."""
    endings = Counter(run.ending for run in report.runs)
    if report.refused:
        endings["refused"] = len(report.refused)
    if report.missing:
        endings["not run yet"] = len(report.missing)
    whole = sum(endings.values())
    parts = ", ".join(f"{number} {ending}" for ending, number in endings.items())
    return f"{whole} {'job' if report.plans else 'run'}{'s' if whole != 1 else ''}: {parts}"


def setting(board: Board, row: Row) -> str:
    """A row's label, with what all rows of its board share and those of others do not."""
    shared = [value if key in ("loss", "optim") else f"{key}={value}" for key, value in board.fixed]
    return ", ".join([*shared, *([row.label] if board.keys or not shared else [])])


def verdict(board: Board) -> str:
    """Who won, by how much, and whether that is more than chance, in a few sentences."""
    if not board.ranked:
        return "No run gave a figure."
    best, *others = board.ranked
    over = ", one seed" if best.seeds == "1" else f" over {best.seeds} seeds"
    won = f"{best.label}: {best.figure}{over}"
    if not others:
        return f"{won}."
    second = others[0]
    ahead = _ahead(best, second)
    if ahead <= 1e-6 * abs(best.figure.mean or 0):
        lower = best.loss is not None and second.loss is not None and best.loss < second.loss
        first = "; first by its lower val/loss" if lower else ""
        return f"{won}, level with {second.label}{first}.{_chance(board)}"
    by = shown(ahead, best.figure.mean if ahead >= 5e-5 else None)
    return f"{won}, {by} ahead of {second.label} ({second.figure}).{_chance(board)}"


def _chance(board: Board) -> str:
    """What the seeds say of the winner's lead."""
    best, second, *others = board.ranked
    if best.figure.deviation is None:
        return " One seed does not tell skill from luck: run several."
    level = sum(within(best, row) for row in (second, *others))
    if not within(best, second):
        more = f" {level} further down deviate so much that they may be as good." if level else ""
        return f" That is more than the seeds deviate.{more}"
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
