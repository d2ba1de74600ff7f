"""Folds as a report sees them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from lossbook.report.cross_validation import half_width, paired_chance
from lossbook.report.leaderboard import Board, boards
from lossbook.report.report import report
from lossbook.report.runs import find_runs
from lossbook.report.settings import varied
from lossbook.report.titles import picture_title
from lossbook.report.verdict import chance, verdict

Write = Callable[..., Path]
ADAM, SGD = (0.95, 0.90, 0.93, 0.91, 0.96), (0.92, 0.88, 0.90, 0.89, 0.94)


def write_folds(folder: Path, run: Write, optim: str, values: Sequence[float], seed: int = 0, **more: object) -> None:
    for fold, value in enumerate(values):
        chosen = {"data.folds": 5, "data.fold": fold, "data.source.folds": 5, "data.source.fold": fold}
        run(
            folder / f"{optim}{seed}{fold}",
            value,
            optim=optim,
            seed=seed,
            overrides=["loss=cross_entropy", f"optim={optim}", "data.folds=5", f"data.fold={fold}", f"seed={seed}"],
            values={**chosen, **more},
            metrics={"test/acc": value - 0.01},
            data={"name": "digits", "fingerprint": f"{fold}" * 16},
        )


def board_of(folder: Path) -> Board:
    runs, _ = find_runs([folder])
    ((board,), unplaced) = boards(runs, varied(runs))
    assert not unplaced
    return board


def test_folds_are_one_configuration(tmp_path: Path, run: Write) -> None:
    write_folds(tmp_path, run, "adam", ADAM)
    board = board_of(tmp_path)
    (row,) = board.rows
    assert (row.told_count, board.unit, board.keys) == ("5", "fold", ())
    assert row.result.mean == pytest.approx(statistics.mean(ADAM))
    # by hand: train is 0.7 / 0.85 of four fifths, test one fifth
    ratio = (1 / 5) / (4 / 5 * 0.7 / 0.85)
    half = stats.t.ppf(0.975, 4) * math.sqrt((1 / 5 + ratio) * statistics.variance(ADAM))
    assert row.interval == pytest.approx((statistics.mean(ADAM) - 0.01 - half, statistics.mean(ADAM) - 0.01 + half))
    assert verdict(board) == "cross_entropy, adam: 0.9300 ± 0.0255 over 5 folds."
    assert picture_title(board, 10).endswith("mean of 5 folds")


def test_configurations_are_compared_on_the_same_folds(tmp_path: Path, run: Write) -> None:
    write_folds(tmp_path, run, "adam", ADAM)
    write_folds(tmp_path, run, "sgd", SGD)
    board = board_of(tmp_path)
    assert board.keys == ("optim",)
    first, second = board.rows
    differences = np.array(ADAM) - np.array(SGD)
    error = math.sqrt((1 / 5 + 0.15 / 0.70) * differences.var(ddof=1))
    assert chance(first, second) == pytest.approx(2 * stats.t.sf(differences.mean() / error, 4))
    assert "significant (paired, corrected resampled t-test of Nadeau and Bengio, 2003, over folds: p = " in verdict(
        board
    )


def test_a_fold_of_several_seeds_counts_once(tmp_path: Path, run: Write) -> None:
    write_folds(tmp_path, run, "adam", ADAM)
    write_folds(tmp_path, run, "adam", [value - 0.02 for value in ADAM], seed=1)
    (row,) = board_of(tmp_path).rows
    assert (len(row.runs), row.told_count) == (10, "5")
    assert row.result.values == pytest.approx([value - 0.01 for value in ADAM])


def test_a_fold_that_failed_is_counted_and_not_compared(tmp_path: Path, run: Write) -> None:
    write_folds(tmp_path, run, "adam", ADAM)
    write_folds(tmp_path, run, "sgd", SGD[:1])
    folds = {"data.folds": 5, "data.fold": 3, "data.source.folds": 5, "data.source.fold": 3}
    typed = ["loss=cross_entropy", "optim=sgd", "data.folds=5", "data.fold=3", "seed=0"]
    run(tmp_path / "lost", None, optim="sgd", status="failed", values=folds, overrides=typed)
    board = board_of(tmp_path)
    assert [row.told_count for row in board.rows] == ["5", "1 of 2"]
    assert "One fold cannot separate skill from luck" in verdict(board)


def test_folds_in_time_are_tested_on_more_for_each_trained(tmp_path: Path, run: Write) -> None:
    write_folds(tmp_path, run, "adam", ADAM, **{"data.time_column": "day"})
    (row,) = board_of(tmp_path).rows
    ratio = statistics.mean(1 / spans for spans in range(1, 6)) * 0.85 / 0.7
    width = stats.t.ppf(0.975, 4) * math.sqrt((1 / 5 + ratio) * statistics.variance(ADAM))
    assert row.interval is not None
    assert row.interval[1] - row.interval[0] == pytest.approx(2 * width)


def test_runs_without_folds_are_not_ranked_among_folds(tmp_path: Path, run: Write) -> None:
    write_folds(tmp_path, run, "adam", ADAM)
    run(tmp_path / "single", 0.9, optim="sgd")
    runs, _ = find_runs([tmp_path])
    found, _ = boards(runs, varied(runs))
    assert sorted(board.unit for board in found) == ["fold", "seed"]


def test_the_page_names_the_method(tmp_path: Path, run: Write, printed: Callable[..., str]) -> None:
    write_folds(tmp_path, run, "adam", ADAM)
    write_folds(tmp_path, run, "sgd", SGD)
    made = report([tmp_path])
    page = made.readme.read_text()
    assert "| 95 % interval | folds |" in page
    assert "folds are not independent" in page
    assert "Nadeau and Bengio" in page
    assert " 95 % " in printed(made)
    header, first, *_ = (made.out / "leaderboard.csv").read_text().splitlines()
    row = dict(zip(header.split(","), first.split(","), strict=True))
    assert float(row["interval_low"]) < float(row["test_mean"]) < float(row["interval_high"])


def test_one_fold_has_no_interval_and_equal_ones_no_chance() -> None:
    assert half_width([0.5], 0.25) is None
    assert half_width([0.5, 0.5], 0.25) == 0
    assert paired_chance([0.1], 0.25) == 1
    assert paired_chance([0.0, 0.0], 0.25) == 1
    assert paired_chance([0.1, 0.1], 0.25) == 0
