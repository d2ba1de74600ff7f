"""Columns that divide a table into parts, or weigh its rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import lossbook
from lossbook.data.source import PARTS, Parts
from lossbook.data.tables.source import TableSource
from lossbook.errors import UserError

ROWS = 60


@pytest.fixture
def table(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    days = random.permutation(ROWS)
    lines = [
        f"{random.normal():.4f},{'ab'[row % 2]},p{row // 5},2024-{1 + day // 28:02d}-{1 + day % 28:02d},{row % 3}"
        for row, day in enumerate(days.tolist())
    ]
    path = tmp_path / "table.csv"
    path.write_text("\n".join(["x,y,person,day,share", *lines]) + "\n")
    return path


def rows(parts: Parts) -> dict[str, np.ndarray]:
    assert parts.rows is not None
    return {name: np.asarray(parts.rows[name]) for name in PARTS}


def load(path: Path, **options: Any) -> Parts:
    return TableSource(str(path), "class", ["y"], **options).load()


def test_groups_stay_together_and_are_no_feature(table: Path) -> None:
    parts = load(table, group_column="person", feature_columns=None)
    people = [set((chosen // 5).tolist()) for chosen in rows(parts).values()]
    assert sum(map(len, people)) == len(set().union(*people)) == 12
    assert parts.features is not None
    assert not any("person" in name for name in parts.features.names)


def test_parts_follow_each_other_in_time(table: Path) -> None:
    cells = [line.split(",")[3] for line in table.read_text().splitlines()[1:]]
    found = {name: [cells[row] for row in chosen] for name, chosen in rows(load(table, time_column="day")).items()}
    assert max(found["train"]) < min(found["val"]) <= max(found["val"]) < min(found["test"])


def test_each_row_is_tested_in_one_fold(table: Path) -> None:
    tested = [rows(load(table, folds=5, fold=fold))["test"] for fold in range(5)]
    assert sorted(np.concatenate(tested)) == list(range(ROWS))


def test_weights_reach_the_batch_in_their_rows(table: Path) -> None:
    parts = load(table, weight_column="share", fractions=[0.5, 0.25, 0.25])
    for name, chosen in rows(parts).items():
        part: Any = getattr(parts, name)
        assert torch.equal(part["weight"], torch.from_numpy((chosen % 3).astype(np.float32)))
    assert len(rows(parts)["train"]) == 30


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"folds": 5, "fold": 7}, "numbered from 0 to 4"),
        ({"fold": 1}, "there are no folds"),
        ({"fractions": [0.5, 0.1, 0.1]}, "must sum to 1"),
        ({"group_column": "person", "time_column": "day"}, "cannot stay in one part"),
        ({"group_column": "who"}, "has no column"),
        ({"time_column": "person"}, "Times are dates or numbers"),
        ({"weight_column": "x"}, "A weight must be a number from 0 on"),
    ],
)
def test_what_is_refused(table: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        load(table, **options)


def test_a_run_with_weights_trains_and_one_of_zeros_does_not(table: Path, tmp_path: Path) -> None:
    short = ["trainer=cpu", "logger=none", "trainer.max_epochs=1", "data=table", f"data.root={table}"]
    given = [*short, "data.target_columns=[y]", "data.weight_column=share"]
    metrics = lossbook.train(lossbook.compose(*given), tmp_path / "run")
    assert np.isfinite(metrics["val/loss"])
    path = tmp_path / "zeros.csv"
    path.write_text(table.read_text().replace(",1\n", ",0\n").replace(",2\n", ",0\n"))
    with pytest.raises(UserError, match="All weights are 0"):
        load(path, weight_column="share")
