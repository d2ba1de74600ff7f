"""The report as CSV files of all configurations and all runs; numbers in the seven digits of single precision."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lossbook.files import write_whole
from lossbook.report.content import Report
from lossbook.report.cross_validation import fold_of
from lossbook.report.settings import value_of


def write_leaderboard(report: Report, path: Path) -> None:
    """Write a row per configuration; those with the same ``set`` are ranked against each other."""
    header = ["set", "rank", *report.keys, "metric", "mode", "mean", "deviation", "test_mean", "test_deviation"]
    header += ["interval_low", "interval_high", "test_seeds", "val_loss", "seeds", "failed"]
    header += ["wall_time_s", "memory_mb", "gpu_memory_mb"]
    rows: list[list[Any]] = []
    for board in report.boards:
        for row in board.rows:
            rows.append(
                [
                    board.title, row.rank, *(board.value(row, key) for key in report.keys), board.contest.primary,
                    board.contest.mode, row.result.mean, row.result.deviation, row.tested.mean, row.tested.deviation,
                    *(row.interval or (None, None)),
                    len(row.tested.values), row.loss, len(row.runs), len(row.lost), row.wall, row.memory,
                    row.gpu_memory,
                ]
            )  # fmt: skip
    _write(path, header, rows)


def write_runs(report: Report, path: Path) -> None:
    """Write a row per run, with its settings and all its final metrics."""
    title = {
        run.folder: board.title for board in report.boards for row in board.rows for run in (*row.runs, *row.lost)
    }  # fmt: skip
    metrics = sorted({tag for run in report.runs for tag in run.metrics})
    header = ["set", "number", "name", *report.keys, "seed", "fold", "status", "message", "metric", "mode", *metrics]
    header += ["epochs", "steps", "wall_time_s", "memory_mb", "gpu_memory_mb", "folder"]
    rows = [
        [
            title.get(run.folder), run.number, run.name, *(value_of(run, key) for key in report.keys),
            value_of(run, "seed"), fold_of(run), run.status, run.message, run.primary, run.mode,
            *(run.metrics.get(tag) for tag in metrics), run.epochs, run.steps, run.wall, run.memory, run.gpu_memory,
            run.folder,
        ]
        for run in report.runs
    ]  # fmt: skip
    _write(path, header, rows)


def _write(path: Path, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([_cell(cell) for cell in row] for row in rows)
    write_whole(path, lambda file: file.write(lines.getvalue().encode()))


def _cell(value: Any) -> Any:
    return "" if value is None else format(value, ".7g") if isinstance(value, float) else value
