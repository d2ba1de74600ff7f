"""The content of a report, for all that write or print it."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lossbook.config.arguments import config_dir
from lossbook.invocation import as_typed
from lossbook.records.sweep import SweepPlan
from lossbook.report.leaderboard import Board
from lossbook.report.runs import Run
from lossbook.report.settings import named, value_of


@dataclass(frozen=True)
class Picture:
    """A picture: its file, its name, and its caption."""

    path: Path
    name: str
    caption: str


@dataclass(frozen=True)
class Report:
    """The results of a set of runs.

    Args:
        folders: that were searched.
        out: the folder of the report's files.
        runs: all of them.
        plans: of the sweeps among them, by folder.
        keys: of the settings that vary.
        boards: a leaderboard for each contest.
        unplaced: runs that belong to no leaderboard, because their metric or their data is unknown.
        refused: jobs that were not started, because the contracts refuse them.
        missing: jobs that have not run yet.
        pictures: of each leaderboard.
    """

    folders: tuple[Path, ...]
    out: Path
    runs: tuple[Run, ...]
    plans: Mapping[Path, SweepPlan]
    keys: tuple[str, ...]
    boards: tuple[Board, ...]
    unplaced: tuple[Run, ...]
    refused: tuple[Run, ...]
    missing: tuple[Run, ...]
    pictures: tuple[tuple[Picture, ...], ...]

    @property
    def readme(self) -> Path:
        return self.out / "README.md"

    @property
    def lost(self) -> tuple[Run, ...]:
        """The runs without a comparable result."""
        return tuple(run for run in self.runs if not run.counts)

    @property
    def unfinished(self) -> str:
        """``3 of 12 unfinished``, of the jobs that were not refused; empty if all have ended."""
        open_ends = ("unfinished", "interrupted") if self.plans else ("unfinished",)
        number = sum(run.ending in open_ends for run in self.runs) + len(self.missing)
        return f"{number} of {len(self.runs) + len(self.missing)} unfinished" if number else ""


def counts(report: Report) -> str:
    """Return how many runs there are, by how they ended."""
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
    """Return a note if the runs are on different default data, and what would compare them; else empty."""
    found = Counter(data for run in report.runs if (data := value_of(run, "data")))
    if len(found) < 2 or named(report.runs, "data"):
        return ""
    counted = ", ".join(f"{data} ({number})" for data, number in found.most_common())
    most = found.most_common(1)[0][0]
    return f"The runs use the default data of each loss: {counted}; data={most} compares those that accept it."


@dataclass(frozen=True)
class Winner:
    """The best run of a leaderboard's best configuration.

    Args:
        folder: of the run.
        checkpoint: of its best epoch; None if it is missing.
        command: that reproduces it; empty if its arguments are unknown.
    """

    folder: Path
    checkpoint: Path | None
    command: str


def winner_of(board: Board, report: Report) -> Winner | None:
    """Return the best run of a leaderboard; None if no run gave a result."""
    if not board.ranked:
        return None
    run = min(board.ranked[0].runs, key=lambda run: board.contest.better(run.result or 0.0))
    checkpoint = run.folder / "checkpoints" / "best.ckpt"
    plan = report.plans.get(run.folder.resolve().parent)
    own = config_dir(plan.command) if plan else None
    words = ["python", "scripts/train.py", *(["--config-dir", own] if own else []), *run.overrides]
    command = as_typed(shlex.join(words)) if run.config else ""
    return Winner(run.folder, checkpoint if checkpoint.exists() else None, command)
