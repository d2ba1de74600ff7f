from __future__ import annotations

from pathlib import Path

import pytest

from lossbook.data.csv_number_faults import faults
from lossbook.data.csv_table import Table


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("", "b is empty\n  Every cell needs a value."),
        ("tall", "b is 'tall'\n  Features and targets other than classes must be numbers.\n  Fix: measure it"),
        ("NA", "b is 'NA'\n  This is a missing value written as text"),
        ("1,5", "a decimal comma"),
        ("1,500", "a comma, as a thousands separator or decimal comma"),
        ("1.234,5", "a thousands separator"),
        ("1\u202f234", "a thousands separator"),
        ("1_000", "a thousands separator"),
        ("1_0", "an underscore"),
        ("5 %", "a percent sign"),
        ("€ 1.20", "a currency"),
        ("EUR 5", "a currency"),
        ("-inf", "infinite"),
        ("1e999", "Numbers must be below 1.8e308"),
        ("TRUE", "a word"),
        ("2020-01-31", "a date or a time"),
        ("12:30", "a date or a time"),
        ("0x1f", "another base"),
        ("12 kg", "a unit"),
        ("−5", "a typographic minus sign"),
        ("１２", "the ASCII digits 0 to 9"),
    ],
)
def test_a_cell_that_is_no_number_is_told_by_its_looks(cell: str, said: str) -> None:
    table = Table(Path("t.csv"), ["a", "b"], [["1", "2"], ["1", cell]], [2, 3])
    (fault,) = faults(table, "b", table.cells("b"), "measure it")
    assert fault.lines == [3]
    assert said in f"{fault.what}\n  {fault.rule}\n  Fix: {fault.fix}"


def test_cells_that_look_alike_are_told_together() -> None:
    table = Table(Path("t.csv"), ["a"], [[cell] for cell in ("", "1", "x", "", "y")], [2, 3, 4, 5, 6])
    assert [list(fault.lines) for fault in faults(table, "a", table.cells("a"), "")] == [[2, 5], [4, 6]]
