"""The two files of metrics: their values are those of the runs' own files."""

from __future__ import annotations

import csv
import json
import statistics
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest

from lossbook.report.report import report

Write = Callable[..., Path]


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def test_the_metrics_equal_a_recount_from_the_runs(night: Path) -> None:
    report([night])
    by_configuration: dict[tuple[str, str], list[dict]] = defaultdict(list)
    for path in night.glob("*/metrics.json"):
        words = dict(
            word.split("=")
            for word in json.loads((night / "sweep.json").read_text())["jobs"][int(path.parent.name)]["overrides"]
        )
        by_configuration[words["loss"], words["optim"]].append(json.loads(path.read_text()))
    rows = rows_of(night / "report" / "leaderboard.csv")
    assert len(rows) == len(by_configuration)
    for row in rows:
        records = by_configuration[row["loss"], row["optim"]]
        good = [record for record in records if record["status"] == "completed"]
        values = [record["metrics"]["val/acc"] for record in good]
        tests = [record["metrics"]["test/acc"] for record in good]
        assert float(row["mean"]) == pytest.approx(statistics.mean(values), rel=1e-6)
        assert float(row["deviation"]) == pytest.approx(statistics.stdev(values), rel=1e-6)
        assert float(row["test_mean"]) == pytest.approx(statistics.mean(tests), rel=1e-6)
        assert float(row["wall_time_s"]) == pytest.approx(statistics.mean(one["wall_time_s"] for one in good))
        assert float(row["memory_mb"]) == max(one["memory_mb"] for one in good)
        assert (int(row["seeds"]), int(row["failed"])) == (len(good), len(records) - len(good))
    for title in {row["set"] for row in rows}:
        means = [float(row["mean"]) for row in rows if row["set"] == title]
        assert means == sorted(means, reverse=True)
        assert [int(row["rank"]) for row in rows if row["set"] == title] == list(range(1, len(means) + 1))
    assert {row["set"] for row in rows} == {"val/acc on digits", "val/acc on digit_lines"}


def test_every_run_stands_in_runs_csv(night: Path) -> None:
    report([night])
    rows = rows_of(night / "report" / "runs.csv")
    assert [int(row["number"]) for row in rows] == [*range(11), 12, 13, 14]
    assert (rows[5]["loss"], rows[5]["optim"], rows[5]["seed"]) == ("mse", "sgd", "2")
    assert float(rows[5]["val/acc"]) == json.loads((night / "5" / "metrics.json").read_text())["metrics"]["val/acc"]
    assert (rows[4]["status"], rows[4]["loss"], rows[4]["optim"], rows[4]["seed"]) == ("failed", "mse", "sgd", "1")
    assert rows[4]["set"] == "val/acc on digits"
    assert rows[4]["val/acc"] == ""


def test_metrics_have_seven_digits(tmp_path: Path, run: Write) -> None:
    run(tmp_path / "a", 0.12999999523162842)
    made = report([tmp_path])
    assert rows_of(made.out / "leaderboard.csv")[0]["mean"] == "0.13"
    assert rows_of(made.out / "runs.csv")[0]["val/acc"] == "0.13"
