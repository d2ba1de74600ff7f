from __future__ import annotations

from pathlib import Path

import pytest

from lossbook.data.tables.cells import TextCells, divide
from lossbook.errors import UserError


def cells(text: str, delimiter: str | None = ",", skip: bool = False) -> TextCells:
    return divide(Path("table.csv"), text, delimiter, skip)


def test_cells() -> None:
    read = cells('a;"b;c"; d\n1;x;2.5\n\n  \n-3;" y "; "1;e3"\n', ";")
    assert read.header == ["a", "b;c", "d"]
    assert read.columns.rows() == [("1", "x", "2.5"), ("-3", " y ", "1;e3")]
    assert read.lines.tolist() == [2, 5]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_row_is_counted_by_the_line_on_which_it_begins(end: str) -> None:
    read = cells(f'a,b{end}"1{end}2",x{end}3,y{end}')
    assert read.columns.rows() == [(f"1{end}2", "x"), ("3", "y")]
    assert read.lines.tolist() == [2, 4]


def test_aligned_columns_have_blanks_between_them() -> None:
    read = cells("  a   b\n 10   2 \n  3  44\n", "space")
    assert (read.header, read.columns.rows()) == (["a", "b"], [("10", "2"), ("3", "44")])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no rows"),
        ("a,b\n", "has no rows"),
        ("a,b\n1,2\n1,2,3\n", "line 3 has 3 cells\n  The header has 2"),
        ("a,b\n1\n1,2\n1,2,3\n", r"line 2 has 1 cell; likewise lines 4 \(3\)\n  The header has 2"),
        ("a,b\n1,2,\n1,2,\n", "line 2 has 3 cells\n  The header has 2: all other lines end with a delimiter"),
        ("a,b\nx,1,2\ny,1,2\n", "line 2 has 3 cells\n.*as with R's row names\n*.*"),
        ('a,b\n1,"2\n', "line 2 is not CSV\n  A quote is opened there"),
        (f"a,b\n1,{'2' * 140_000}\n", "line 2 is not CSV\n  A cell has more than 131,072 characters"),
        ('a,b\n1,"2"3\n', "line 2 is not CSV\n  A closing quote"),
        ("a;b\n1;2\n", "has one column with the delimiter ','\n.*The whole header line"),
    ],
)
def test_texts_that_are_no_table(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        cells(text)


def test_many_ragged_lines_are_told_together_or_left_out() -> None:
    text = "a,b\n1,2\n" + "1,2,3\n" * 50
    with pytest.raises(UserError) as caught:
        cells(text)
    given = caught.value.problems[0].given
    assert "line 3 has 3 cells" in given
    assert given.endswith("21 (3), 22 (3) and 30 more")
    left = cells(text, skip=True)
    assert left.columns.rows() == [("1", "2")]
    assert "lines 3, 4, " in left.notes[0]


@pytest.mark.parametrize("mark", [";", "|", "\t", " "])
def test_the_delimiter_is_found_and_said(mark: str) -> None:
    read = cells(f"area{mark}price\n1{mark}2\n3{mark}4\n", None)
    assert read.columns.rows() == [("1", "2"), ("3", "4")]
    assert "the delimiter is" in read.notes[0]


def test_excel_says_the_delimiter_itself() -> None:
    read = cells("sep=;\na;b\n1;2,5\n", None)
    assert (read.header, read.columns.rows(), read.lines.tolist()) == (["a", "b"], [("1", "2,5")], [3])


@pytest.mark.parametrize(
    ("mark", "fix"),
    [
        (";", "\"data.delimiter=';'\""),
        ("|", "\"data.delimiter='|'\""),
        ("\t", "data.delimiter=tab"),
        (" ", "data.delimiter=space"),
    ],
)
def test_another_delimiter_is_proposed_as_it_is_typed(mark: str, fix: str) -> None:
    with pytest.raises(UserError) as caught:
        cells(f"area{mark}price\n1{mark}2\n")
    assert caught.value.problems[0].fix == fix


def test_only_line_feeds_and_carriage_returns_end_a_line() -> None:
    read = cells("a,b\n1\x0b1,2\x85\u2028\r\n3,4")
    assert read.columns.rows() == [("1\x0b1", "2\x85\u2028"), ("3", "4")]
    assert read.lines.tolist() == [2, 3]
