"""What a report holds, for those who write it down or print it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from lossbook.report.leaderboard import Board
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
