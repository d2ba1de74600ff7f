from __future__ import annotations

from pathlib import Path

import pytest

from lossbook.data.csv_table import read_table
from lossbook.errors import UserError


def table(tmp_path: Path, text: str, delimiter: str = ","):
    path = tmp_path / "table.csv"
    path.write_text(text, encoding="utf-8", newline="")
    return read_table(path, delimiter)


def test_cells(tmp_path: Path) -> None:
    read = table(tmp_path, '\ufeffa;"b;c"; d\n1;x;2.5\n\n  \n-3;" y "; "1;e3"\n', ";")
    assert read.header == ["a", "b;c", "d"]
    assert read.cells("b;c") == ["x", "y"]
    assert read.cells(2) == ["2.5", "1;e3"]
    assert read.lines == [2, 5]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_row_is_counted_by_the_line_on_which_it_begins(tmp_path: Path, end: str) -> None:
    read = table(tmp_path, f'a,b{end}"1{end}2",x{end}3,y{end}')
    assert read.rows == [[f"1{end}2", "x"], ["3", "y"]]
    assert read.lines == [2, 4]


def test_aligned_columns_have_blanks_between_them(tmp_path: Path) -> None:
    read = table(tmp_path, "  a   b\n 10   2 \n  3  44\n", "space")
    assert (read.header, read.rows) == (["a", "b"], [["10", "2"], ["3", "44"]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no rows"),
        ("a,b\n", "has no rows"),
        ("a,a,b,b\n1,2,3,4\n", "has two columns 'a', 'b'"),
        ("1,2,1\n1,2,3\n", "has two columns '1'\n.*this looks like a row"),
        ("a,b\n1,2\n1,2,3\n", "line 3 has 3 cells\n  The header has 2"),
        ("a,b\n1\n1,2\n1,2,3\n", r"line 2 has 1 cell; likewise lines 4 \(3\)\n  The header has 2"),
        ("a,b\n1,2,\n1,2,\n", "line 2 has 3 cells\n  The header has 2: all other lines end with a delimiter"),
        ("a,b\nx,1,2\ny,1,2\n", "line 2 has 3 cells\n.*as with R's row names\n*.*"),
        ('a,b\n1,"2\n', "line 2 is not CSV\n  A quote is opened there"),
        (f"a,b\n1,{'2' * 140_000}\n", "line 2 is not CSV\n  A cell has more than 131,072 characters"),
        ('a,b\n1,"2"3\n', "line 2 is not CSV\n  A closing quote"),
        ("sep=;\na;b\n1;2\n", "begins with sep=;"),
        ("a\n1\n2\n", "has one column with the delimiter ','\n.*this has 'a'"),
        ("living area\n1\n2\n", "has one column with the delimiter ','\n.*this has 'living area'"),
    ],
)
def test_files_that_are_no_table(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        table(tmp_path, text)


def test_many_ragged_lines_are_told_together(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        table(tmp_path, "a,b\n1,2\n" + "1,2,3\n" * 50)
    given = caught.value.problems[0].given
    assert "line 3 has 3 cells" in given
    assert given.endswith("21 (3), 22 (3) and 30 more")


@pytest.mark.parametrize(("name", "said"), [("prise", r"price\?"), ("", "use a name"), ("x" * 500, "use a name")])
def test_a_misspelt_column_gets_the_nearest(tmp_path: Path, name: str, said: str) -> None:
    problem = str(table(tmp_path, "price,rooms\n1,2\n").lacks(name))
    assert problem.startswith(f"{tmp_path}/table.csv has no column ")
    assert said.replace("\\", "") in problem
    assert len(problem) < 400


def test_a_file_without_a_header_line_is_known_by_its_numbers(tmp_path: Path) -> None:
    assert "looks like a row" in table(tmp_path, "5.1,3.5,setosa\n4.9,3.0,setosa\n").lacks("species").rule


@pytest.mark.parametrize(
    ("mark", "fix"),
    [
        (";", "\"data.delimiter=';'\""),
        ("|", "\"data.delimiter='|'\""),
        ("\t", "data.delimiter=tab"),
        (" ", "data.delimiter=space"),
    ],
)
def test_another_delimiter_is_proposed_as_it_is_typed(tmp_path: Path, mark: str, fix: str) -> None:
    with pytest.raises(UserError) as caught:
        table(tmp_path, f"area{mark}price\n1{mark}2\n")
    assert caught.value.problems[0].fix == fix
