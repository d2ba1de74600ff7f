from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lossbook.data.csv_table import read_table
from lossbook.errors import UserError


def table(tmp_path: Path, text: str, delimiter: str = ","):
    path = tmp_path / "table.csv"
    path.write_text(text, encoding="utf-8")
    return read_table(path, delimiter)


def test_cells_and_numbers(tmp_path: Path) -> None:
    read = table(tmp_path, '\ufeffa;"b;c"; d\n1;x;2.5\n\n-3;" y ";1e3\n', ";")
    assert read.header == ["a", "b;c", "d"]
    assert read.cells("b;c") == ["x", "y"]
    np.testing.assert_array_equal(read.numbers("d"), [2.5, 1000])
    assert read.lines == [2, 4]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no rows"),
        ("a,b\n", "has no rows"),
        ("a,a\n1,2\n", "has two columns 'a'"),
        ("a,b\n1,2\n1,2,3\n", "line 3 has 3 cells\n  The header has 2"),
        ('a,b\n1,"2\n', "is not a CSV file in UTF-8"),
    ],
)
def test_files_that_are_no_table(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        table(tmp_path, text)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere.csv cannot be read"):
        read_table(tmp_path / "nowhere.csv", ",")
    (tmp_path / "latin.csv").write_bytes("a\né\n".encode("latin-1"))
    with pytest.raises(UserError, match="save it as CSV, UTF-8"):
        read_table(tmp_path / "latin.csv", ",")
    with pytest.raises(UserError, match=r"data.delimiter=', '"):
        read_table(tmp_path / "latin.csv", ", ")


@pytest.mark.parametrize(
    ("cell", "message"),
    [("", "line 3: b is empty"), ("tall", "line 3: b is 'tall'"), ("nan", "line 3: b is nan"), ("inf", "b is inf")],
)
def test_cells_that_are_no_number(tmp_path: Path, cell: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        table(tmp_path, f"a,b\n1,2\n1,{cell}\n").numbers("b")


def test_a_misspelt_column_gets_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"(?s)has no column prise.*price\?"):
        table(tmp_path, "price,rooms\n1,2\n").column("prise")


@pytest.mark.parametrize("mark", ";|")
def test_another_delimiter_is_proposed_as_it_is_typed(tmp_path: Path, mark: str) -> None:
    with pytest.raises(UserError) as caught:
        table(tmp_path, f"area{mark}price\n1{mark}2\n").column("price")
    assert caught.value.problems[0].fix == f"\"data.delimiter='{mark}'\""
