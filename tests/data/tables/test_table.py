from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from lossbook.data.tables.table import Dialect, Table, frame_table, located, read_table
from lossbook.errors import UserError

FRAME = pl.DataFrame({"a": [1.5, 2.5, None], "b": ["x", "y", "ä"], "c": [True, False, None]})


def read(path: Path, text: str | bytes, **dialect: object) -> Table:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_table(path, Dialect(**dialect))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.parquet", "[t].parquet"])
def test_every_format_gives_the_same_cells(tmp_path: Path, name: str, packed: bool) -> None:
    path = tmp_path / name
    if name.endswith("parquet"):
        with path.open("wb") as file:
            FRAME.write_parquet(file)
    else:
        path.write_text(FRAME.write_csv(separator="\t" if name.endswith("tsv") else ","), encoding="utf-8")
    if packed:
        path.write_bytes(gzip.compress(path.read_bytes()))
    table = read_table(path)
    assert (table.header, table.count) == (["a", "b", "c"], 3)
    assert table.column("b").to_list() == ["x", "y", "ä"]
    assert table.cell("a", 1) == "2.5"
    assert table.where(2).endswith("row 2" if name.endswith("parquet") else "line 4")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_the_encoding_is_found_and_said(tmp_path: Path, encoding: str) -> None:
    table = read(tmp_path / "t.csv", "größe;y\r\n1;ä\r\n2;b\r\n".encode(encoding))
    assert table.header == ["größe", "y"]
    assert table.column("y").to_list() == ["ä", "b"]
    assert len([note for note in table.notes if "encoding" in note]) == (not encoding.startswith("utf-8"))


def test_the_decimal_sign_is_found_for_the_whole_file(tmp_path: Path) -> None:
    table = read(tmp_path / "t.csv", "a;b\n1,5;1.234\n2;2.345\n")
    assert table.decimal == ","
    assert "the decimal sign is a comma, as in a" in table.notes[1]
    assert read(tmp_path / "t.csv", "a;b\n1,5;1.234\n", decimal="point").decimal == "."
    with pytest.raises(UserError, match=r"data.decimal=dot"):
        Dialect(decimal="dot")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,a,b,b\n1,2,3,4\n", "has two columns 'a', 'b'"),
        ("1,2,1\n1,2,3\n", "has two columns '1'\n.*this looks like a row"),
        (b"PAR1 and so on", "damaged Parquet"),
        (gzip.compress(b"a,b\n1,2\n")[:-9], "damaged gzip"),
    ],
)
def test_files_that_are_no_table(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read(tmp_path / "t.csv", text)


@pytest.mark.parametrize(("name", "said"), [("prise", "price?"), ("", "use a name"), ("x" * 500, "use a name")])
def test_a_misspelt_column_gets_the_nearest(tmp_path: Path, name: str, said: str) -> None:
    problem = str(read(tmp_path / "table.csv", "price,rooms\n1,2\n").lacks(name))
    assert problem.startswith(f"{tmp_path}/table.csv has no column ")
    assert said in problem
    assert len(problem) < 400


def test_a_file_without_a_header_line_is_known_by_its_numbers(tmp_path: Path) -> None:
    assert "looks like a row" in read(tmp_path / "t.csv", "5.1,3.5,setosa\n4.9,3.0,setosa\n").lacks("species").rule


def test_rows_are_found_over_several_tables() -> None:
    tables = [frame_table(FRAME, "a"), frame_table(FRAME, "b")]
    table, row = located(tables, 4)
    assert (str(table.path), row) == ("b", 1)
    assert tables[0].fault("a", np.array([0, 2]), "", "").lines == [0, 2]
