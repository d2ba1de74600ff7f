"""Tables of paths as inputs of a network that was trained on such a table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from lossbook.data.images.reader import ImageReader
from lossbook.data.images.table_reader import ImageTableReader
from lossbook.data.reader import NewInputs, read_reader

READER = ImageTableReader(1, (6, 8), column="file")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    (tmp_path / "more, of them").mkdir()
    for number, name in enumerate(("a.png", "more, of them/b [1].png", "c.png")):
        Image.new("L", (8, 6), 10 * number).save(tmp_path / name)
    return tmp_path


def read(path: Path, reader: ImageTableReader = READER) -> NewInputs:
    return reader.files([path], [path.name])


def greys(found: NewInputs) -> list[int]:
    return [int(found.part[row]["input"].max()) for row in range(len(found.names))]  # type: ignore[index]


def test_rows_are_images_by_paths_relative_to_the_table(photos: Path) -> None:
    table = photos / "new.csv"
    table.write_text('label,file,"other, column"\ncat,c.png,\n,"more, of them/b [1].png",7\nbird,c.png,1\n')
    found = read(table)
    assert found.names == ["c.png", "more, of them/b [1].png", "c.png"]
    assert greys(found) == [20, 10, 20]
    assert not found.bad


@pytest.mark.parametrize("name", ["new.TSV", "new.csv.gz", "new.parquet"])
def test_other_kinds_of_tables_and_absolute_paths(photos: Path, name: str) -> None:
    frame = pl.DataFrame({"file": [str(photos / "c.png"), None, "a.png"], "x": [1, 2, 3]})
    if name == "new.parquet":
        frame.write_parquet(photos / name)
    else:
        frame.write_csv(
            photos / name,
            separator="\t" if name == "new.TSV" else ",",
            compression="gzip" if "gz" in name else "uncompressed",
        )
    found = read(photos / name)
    assert found.names == [str(photos / "c.png"), "a.png"]
    assert greys(found) == [20, 0]
    (problem,) = found.bad
    assert problem.given == f"{photos / name} {'row 1' if name == 'new.parquet' else 'line 3'}: file is empty"


def test_images_and_several_tables(photos: Path) -> None:
    for name in ("one.csv", "two.csv"):
        (photos / name).write_text("file\na.png\nc.png\n")
    paths = [photos / "one.csv", photos / "c.png", photos / "two.csv"]
    found = READER.files(paths, [path.name for path in paths])
    assert found.names == ["a.png", "c.png", "c.png", "a.png", "c.png"]
    assert greys(found) == [0, 20, 20, 0, 20]


def test_a_table_without_the_column_is_named_with_the_nearest(photos: Path) -> None:
    (photos / "new.csv").write_text("files,label\na.png,cat\n")
    found = read(photos / "new.csv")
    assert found.names == []
    (problem,) = found.bad
    assert problem.given == f"{photos / 'new.csv'} has no column file"
    assert problem.fix == "did you mean files?"


def test_a_given_delimiter_is_that_of_training(photos: Path) -> None:
    (photos / "new.csv").write_text("file|x,y\na.png|1,2\n")
    reader = ImageTableReader(1, (6, 8), column="file", delimiter="|")
    assert greys(read(photos / "new.csv", reader)) == [0]


def test_a_checkpoint_keeps_it() -> None:
    reader = ImageTableReader(3, (6, 8), 12, "pad", "file", delimiter=";", encoding="utf-16", decimal="comma")
    assert read_reader(reader.state()) == reader
    levels = np.random.default_rng(0).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    plain = ImageReader(3, (6, 8), 12, "pad").objects(levels).part["input"]  # type: ignore[index]
    np.testing.assert_array_equal(reader.objects(levels).part["input"], plain)  # type: ignore[index]
