from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from lossbook.data.reader import read_reader
from lossbook.data.source import Features, Parts
from lossbook.data.tables.reader import TableReader
from lossbook.data.tables.source import TableSource
from lossbook.errors import UserError

ROWS = 60
RANDOM = np.random.default_rng(0)
FRAME = pl.DataFrame(
    {
        "size": RANDOM.normal(100, 20, ROWS).round(3),
        "colour": [["red", "blue", "green", None][row % 4] for row in range(ROWS)],
        "lift": [row % 3 == 0 for row in range(ROWS)],
        "rooms": [None if row % 7 == 0 else float(row % 5) for row in range(ROWS)],
        "sold": [f"20{row % 20 + 10}-03-{row % 27 + 1:02d}" for row in range(ROWS)],
        "who": [f"owner number {row}" for row in range(ROWS)],
        "price": RANDOM.normal(5, 1, ROWS),
    }
)


def load(tmp_path: Path, **options: Any) -> Parts:
    FRAME.write_csv(tmp_path / "t.csv")
    return TableSource(str(tmp_path / "t.csv"), "value", "price", **options).load()


def reader(parts: Parts) -> TableReader:
    """The reader after it was in a checkpoint."""
    assert parts.reader is not None
    again = read_reader(parts.reader.state())
    assert again == parts.reader
    assert isinstance(again, TableReader)
    return again


def whole(parts: Parts) -> torch.Tensor:
    """The inputs of all rows in the order of the table."""
    assert parts.rows is not None
    rows = np.concatenate([parts.rows[part] for part in ("train", "val", "test")])
    found = torch.cat([getattr(parts, part)["input"] for part in ("train", "val", "test")])
    return found[torch.from_numpy(np.argsort(rows))]


OBJECTS: dict[str, Callable[[pl.DataFrame], Any]] = {
    "polars": lambda frame: frame,
    "lazy": lambda frame: frame.lazy(),
    "columns": lambda frame: frame.to_dict(as_series=False),
    "rows": lambda frame: frame.to_dicts(),
    "another order": lambda frame: frame.select(reversed(frame.columns)),
    "categorical": lambda frame: frame.with_columns(pl.col("colour").cast(pl.Categorical)),
    "real dates": lambda frame: frame.with_columns(pl.col("sold").str.to_date()),
    "whole numbers": lambda frame: frame.with_columns(pl.col("rooms").cast(pl.Int8)),
    "words": lambda frame: frame.with_columns(pl.col("lift").replace_strict({True: "yes", False: "No"})),
}


@pytest.mark.parametrize("kind", OBJECTS)
@pytest.mark.parametrize("categories", ["onehot", "embedding"])
def test_objects_are_read_as_the_training_table_was(tmp_path: Path, kind: str, categories: str) -> None:
    parts = load(tmp_path, categories=categories)
    found = reader(parts).objects(OBJECTS[kind](FRAME))
    assert torch.equal(found.part["input"], whole(parts))
    assert list(found.names) == [str(row) for row in range(ROWS)]
    assert (list(found.bad), found.notes) == ([], ())


def test_pandas_is_read_without_its_index(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    parts = load(tmp_path)
    frame = pandas.DataFrame(FRAME.to_dict(as_series=False), index=range(7, ROWS + 7))
    frame["sold"] = pandas.to_datetime(frame["sold"])
    frame["colour"] = frame["colour"].astype("category")
    assert torch.equal(reader(parts).objects(frame).part["input"], whole(parts))
    frame["rooms"] = frame["rooms"].astype("Int64")
    assert torch.equal(reader(parts).objects(frame).part["input"], whole(parts))


@pytest.mark.parametrize("name", ["new.csv", "new.tsv", "new.parquet"])
def test_files_are_read_as_the_training_table_was(tmp_path: Path, name: str) -> None:
    parts = load(tmp_path)
    if name.endswith("parquet"):
        FRAME.write_parquet(tmp_path / name)
    else:
        FRAME.write_csv(tmp_path / name, separator="\t" if name.endswith("tsv") else ",")
    found = reader(parts).files([tmp_path / name] * 2, ["a", "b"])
    assert torch.equal(found.part["input"], torch.cat([whole(parts)] * 2))
    assert found.names[ROWS] == "b:0"


def test_inputs_are_named_and_of_the_promised_kinds(tmp_path: Path) -> None:
    parts = load(tmp_path)
    assert parts.features is not None
    assert parts.features.names == (
        "size", "colour=blue", "colour=green", "colour=red", "colour missing", "lift", "rooms", "rooms missing",
        "sold days", "sold month", "sold day", "sold weekday",
    )  # fmt: skip
    found = whole(parts)
    assert found[:4, 1:5].tolist() == [[0, 0, 1, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]]
    train = parts.train["input"]
    for place in (0, 5, 6, 8, 11):
        assert train[:, place].mean() == pytest.approx(0, abs=1e-5)
        assert train[:, place].std(correction=0) == pytest.approx(1, abs=1e-5)


def test_statistics_are_those_of_the_training_part(tmp_path: Path) -> None:
    parts = load(tmp_path)
    assert parts.rows is not None
    rows = parts.rows["train"]
    rooms = reader(parts).columns[3]
    known = FRAME["rooms"].gather(rows)
    assert rooms.fill == (known.median(),)
    assert rooms.mean[0] == pytest.approx(known.fill_null(known.median()).mean())
    size = FRAME["size"].gather(rows)
    assert reader(parts).columns[0].scale[0] == pytest.approx(size.std(ddof=0))


def test_embedded_categories_are_codes_and_promised(tmp_path: Path) -> None:
    parts = load(tmp_path, categories="embedding")
    assert parts.schema.categories == ((1, 3),)
    assert whole(parts)[:4, 1].tolist() == [3, 1, 2, 0]
    found = reader(parts).objects(FRAME.with_columns(pl.lit("violet").alias("colour")))
    assert found.part["input"][:, 1].tolist() == [0] * ROWS
    assert found.notes == (
        "column colour: 60 of 60 rows have a category that training did not keep (violet), read as none",
    )


def test_a_column_that_is_missing_is_named_and_others_do_not_matter(tmp_path: Path) -> None:
    known = reader(load(tmp_path))
    with pytest.raises(UserError, match=r"the table has no column rooms\n"):
        known.objects(FRAME.drop("rooms"))
    found = known.files([tmp_path / "t.csv", tmp_path / "no.csv"], ["t.csv", "no.csv"])
    assert len(found.names) == ROWS
    assert "cannot be read" in found.bad[0].given
    assert len(known.objects(FRAME.drop("who", "price").with_columns(x=pl.lit(1))).names) == ROWS


def test_bad_rows_are_told_and_the_others_read(tmp_path: Path) -> None:
    parts = load(tmp_path)
    cells = [str(cell) for cell in FRAME["size"]]
    cells[3], cells[5] = "tall", "inf"
    FRAME.with_columns(pl.Series("size", cells)).write_csv(tmp_path / "bad.csv")
    found = reader(parts).files([tmp_path / "bad.csv"], ["bad.csv"])
    assert [problem.given.partition("bad.csv ")[2] for problem in found.bad] == [
        "line 5: size is 'tall'",
        "line 7: size is 'inf'",
    ]
    assert len(found.names) == ROWS - 2
    assert found.names[3:5] == ["4", "6"]
    rest = [row for row in range(ROWS) if row not in (3, 5)]
    assert torch.equal(found.part["input"], whole(parts)[rest])


def test_missing_values_that_training_did_not_have(tmp_path: Path) -> None:
    parts = load(tmp_path)
    found = reader(parts).objects({**FRAME.to_dict(as_series=False), "size": [None] * ROWS})
    assert found.notes == ("missing values, of which training had none: size (60)",)
    size = reader(parts).columns[0]
    assert found.part["input"][0, 0] == pytest.approx((size.fill[0] - size.mean[0]) / size.scale[0])
    with pytest.raises(UserError, match="Every row needs a value"):
        load(tmp_path, missing="fail")
    strict = reader(load(tmp_path, missing="fail", feature_columns=["size", "lift"]))
    assert len(strict.objects({"size": [1.0, None], "lift": [True, None]}).names) == 1


def test_one_row_is_a_mapping_of_cells(tmp_path: Path) -> None:
    parts = load(tmp_path)
    assert torch.equal(reader(parts).objects(FRAME.row(2, named=True)).part["input"], whole(parts)[2:3])


def test_a_checkpoint_of_an_earlier_version_gives_a_reader_of_numbers() -> None:
    known = TableReader.of_features(Features(("b", "a"), (1.0, 2.0), (2.0, 4.0)))
    assert known.objects({"a": [2, 6], "b": [1, 3]}).part["input"].tolist() == [[0, 0], [1, 1]]
    assert known.features == Features(("b", "a"), (1.0, 2.0), (2.0, 4.0))
    assert known.objects(np.array([[1.0, 2.0]])).part["input"].tolist() == [[0, 0]]
    assert len(known.objects({"a": [2, None], "b": [1, 3]}).bad) == 1


@pytest.mark.parametrize("inputs", [3, "size", [1, 2], np.zeros((2, 3)), {"size": [1], "lift": [1, 2]}, torch.zeros(2)])
def test_what_is_no_table(tmp_path: Path, inputs: Any) -> None:
    with pytest.raises(UserError, match=r"table|column"):
        reader(load(tmp_path)).objects(inputs)


@pytest.mark.parametrize("damage", [{"columns": ()}, {"missing": "x"}, {"columns": ({"name": "a", "kind": "b"},)}])
def test_a_damaged_entry_is_noticed(tmp_path: Path, damage: dict[str, Any]) -> None:
    state = reader(load(tmp_path)).state()
    with pytest.raises(ValueError, match=r"."):
        read_reader({**state, **damage})


def test_what_is_no_date_is_told_with_the_format(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("day,y\n" + "".join(f"2020-01-{row:02d},{'ab'[row % 2]}\n" for row in range(1, 31)))
    dates = TableSource(str(tmp_path / "t.csv"), "class", "y").load().reader
    assert isinstance(dates, TableReader)
    (tmp_path / "new.csv").write_text("day\n31.1.2020\n2020-01-31\n")
    (bad,) = dates.files([tmp_path / "new.csv"], ["new.csv"]).bad
    assert bad.given.endswith("line 2: day is '31.1.2020'")
    assert bad.rule == "Column day is read as a date, written as %Y-%m-%d."


@pytest.mark.parametrize(
    ("rows", "fix"),
    [
        ("big\n", "correct it"),
        ("1e39\n", "divide the column, or correct the cell"),
        ("1,2,3\n", "correct the lines: a cell that contains the delimiter must be in double quotes"),
    ],
)
def test_a_fix_names_no_option_that_a_trained_network_does_not_take(tmp_path: Path, rows: str, fix: str) -> None:
    numbers = TableReader(({"name": "size", "kind": "number", "mean": (0.0,), "scale": (1.0,)},))  # type: ignore[arg-type]
    (tmp_path / "new.csv").write_text("size\n" + rows)
    (problem,) = numbers.files([tmp_path / "new.csv"], ["new.csv"]).bad
    assert problem.fix == fix
