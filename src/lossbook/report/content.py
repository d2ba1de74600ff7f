"""What a report holds, for those who write it down or print it."""

from __future__ import annotations

import shlex
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from lossbook.config.arguments import config_dir
from lossbook.report.leaderboard import Board
from lossbook.report.plan import Job, Plan
from lossbook.report.runs import Run
from lossbook.report.settings import named, value_of


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


def different_data(report: Report) -> str:
    """That the runs are on different data which nobody chose, and how they would be on the same; else empty."""
    found = Counter(data for run in report.runs if (data := value_of(run, "data")))
    if len(found) < 2 or named(report.runs, "data"):
        return ""
    counted = ", ".join(f"{data} ({number})" for data, number in found.most_common())
    most = found.most_common(1)[0][0]
    return f"The runs are on different data, which each loss chose: {counted}; data={most} compares those that take it."


@dataclass(frozen=True)
class Winner:
    """The best run of a leaderboard's first configuration.

    Args:
        folder: of the run.
        checkpoint: of its best epoch; None where it is not there.
        command: that gives it again; empty where it is not known what was typed.
    """

    folder: Path
    checkpoint: Path | None
    command: str


def winner_of(board: Board, report: Report) -> Winner | None:
    """The run to go on with; None where no run gave a figure."""
    if not board.ranked:
        return None
    run = min(board.ranked[0].runs, key=lambda run: board.contest.better(run.figure or 0.0))
    checkpoint = run.folder / "checkpoints" / "best.ckpt"
    plan = next((plan for plan in report.plans if plan.folder.resolve() == run.folder.resolve().parent), None)
    own = config_dir(plan.command) if plan else None
    words = ["python", "scripts/train.py", *(["--config-dir", own] if own else []), *run.overrides]
    return Winner(run.folder, checkpoint if checkpoint.exists() else None, shlex.join(words) if run.config else "")
