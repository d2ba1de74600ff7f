"""Columns of Parquet files of every type: read as they are meant, or refused by name."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from lossbook.data.tables.reader import TableReader
from lossbook.data.tables.source import TableSource
from lossbook.errors import UserError

ROWS = 30
FRAME = pl.DataFrame(
    {
        "number": [row * 7 % 30 / 4 for row in range(ROWS)],
        "decimal": [Decimal(f"{row * 11 % 30}.25") for row in range(ROWS)],
        "length": [timedelta(hours=row % 7) for row in range(ROWS)],
        "at": [time(row % 24, 30) for row in range(ROWS)],
        "day": [date(2020, 1, 1) + timedelta(row * 13 % 400) for row in range(ROWS)],
        "zoned": [datetime(2020, 1, 1, 23, tzinfo=UTC) + timedelta(row * 5 % 300) for row in range(ROWS)],
        "colour": pl.Series(["red", "blue", None] * (ROWS // 3), dtype=pl.Categorical),
        "flag": [True, False, None] * (ROWS // 3),
        "nothing": [None] * ROWS,
        "lists": [[1, 2], [3]] * (ROWS // 2),
        "struct": [{"a": row} for row in range(ROWS)],
        "bytes": [bytes([row]) for row in range(ROWS)],
        "y": ["yes", "no"] * (ROWS // 2),
    }
)


@pytest.fixture
def path(tmp_path: Path) -> str:
    FRAME.write_parquet(tmp_path / "t.parquet")
    return str(tmp_path / "t.parquet")


def load(path: str, **options: Any) -> tuple[TableReader, np.ndarray, np.ndarray]:
    """Return the reader, and the inputs and rows of the training part."""
    given = {"target": "class", "target_columns": "y", **options}
    parts = TableSource(path, **given).load()
    assert isinstance(parts.reader, TableReader)
    assert parts.rows is not None
    return parts.reader, parts.train["input"].numpy(), parts.rows["train"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("decimal", [row * 11 % 30 + 0.25 for row in range(ROWS)]),
        ("length", [row % 7 * 3600 for row in range(ROWS)]),
        ("at", [row % 24 * 3600 + 1800 for row in range(ROWS)]),
    ],
)
def test_types_that_are_numbers(path: str, name: str, numbers: list[float]) -> None:
    _, found, rows = load(path, feature_columns=[name])
    train = np.array(numbers)[rows]
    np.testing.assert_allclose(found[:, 0], (train - train.mean()) / train.std(), rtol=1e-5, atol=1e-6)


def test_zones_are_brought_to_utc(path: str) -> None:
    reader, found, rows = load(path, feature_columns=["zoned"])
    days = np.array([(one - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() / 86_400 for one in FRAME["zoned"]])[rows]
    assert reader.columns[0].kind == "date"
    np.testing.assert_allclose(found[:, 0], (days - days.mean()) / days.std(), rtol=1e-4, atol=1e-5)


def test_lengths_of_time_are_categories_classes_and_groups(path: str) -> None:
    reader, found, rows = load(path, feature_columns=["length"], columns={"length": "category"})
    assert reader.columns[0].categories == ("PT0S", "PT1H", "PT2H", "PT3H", "PT4H", "PT5H", "PT6H")
    assert found.argmax(1).tolist() == [row % 7 for row in rows]
    parts = TableSource(path, "class", "length", ["number"]).load()
    assert parts.schema.class_names == reader.columns[0].categories
    grouped = TableSource(path, "class", "y", ["number"], group_column="length").load()
    assert grouped.rows is not None
    held = [{row % 7 for row in grouped.rows[part]} for part in ("train", "val", "test")]
    assert sum(map(len, held)) == 7


@pytest.mark.parametrize("name", ["lists", "struct", "bytes"])
@pytest.mark.parametrize(
    "options",
    [
        lambda name: {"target_columns": name},
        lambda name: {"target": "value", "target_columns": name},
        lambda name: {"target": "multilabel", "target_columns": name, "separator": ","},
        lambda name: {"group_column": name},
        lambda name: {"weight_column": name},
        lambda name: {"time_column": name},
        lambda name: {"feature_columns": [name]},
        lambda name: {"columns": {name: "category"}},
        lambda name: {"columns": {name: "number"}},
    ],
)
def test_a_named_column_of_lists_is_refused(path: str, name: str, options: Any) -> None:
    with pytest.raises(UserError, match=rf"t\.parquet: column {name} holds lists, structs or bytes") as refused:
        load(path, **options(name))
    assert len(str(refused.value).splitlines()) == 3


def test_a_column_of_lists_may_be_left_out(path: str) -> None:
    reader, *_ = load(path, columns={"lists": "leave_out"})
    assert not {"lists", "struct", "bytes", "nothing"} & set(reader.names)


@pytest.mark.parametrize("name", ["length", "at", "number"])
def test_what_is_no_date_is_refused_as_one(path: str, name: str) -> None:
    with pytest.raises(UserError, match="not written as dates"):
        load(path, columns={name: "date"})


def test_a_part_whose_column_holds_lists_is_refused(tmp_path: Path) -> None:
    for part in ("train", "val", "test"):
        frame = FRAME.select("number", "colour", "y")
        changed = frame.with_columns(pl.Series("number", [[1.0]] * ROWS)) if part == "val" else frame
        changed.write_parquet(tmp_path / f"{part}.parquet")
    with pytest.raises(UserError, match=r"val\.parquet: column number holds lists"):
        load(str(tmp_path))


def test_an_empty_cell_is_called_empty(path: str) -> None:
    with pytest.raises(UserError, match="row 2: flag is empty; likewise rows 5, 8"):
        load(path, target="value", target_columns="flag")


def test_dates_of_a_type_are_read_again_from_texts(path: str, tmp_path: Path) -> None:
    reader, *_ = load(path, feature_columns=["day"])
    FRAME.select("day").write_csv(tmp_path / "new.csv")
    (tmp_path / "european.csv").write_text("day\n31.1.2020\n")
    texts, typed = (reader.files([file], [file.name]) for file in (tmp_path / "new.csv", Path(path)))
    assert not texts.bad
    np.testing.assert_array_equal(texts.part["input"], typed.part["input"])  # type: ignore[index]
    european = tmp_path / "european.csv"
    assert len(reader.files([european], [european.name]).bad) == 1  # could be of another order


def test_a_new_table_whose_column_holds_lists_is_refused(path: str, tmp_path: Path) -> None:
    reader, *_ = load(path, feature_columns=["number"])
    with pytest.raises(UserError, match="the table: column number holds lists"):
        reader.objects(pl.DataFrame({"number": [[1.0], [2.0]]}))
