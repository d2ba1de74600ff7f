from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossbook.data.csv_numbers import MARKS, MISSING, exact, faults, floats, is_number
from lossbook.data.csv_table import Table


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_what_python_and_numpy_write_is_read_to_the_bit(number: float) -> None:
    assert floats([repr(number), f"{number:.17e}"]).tolist() == [number, number]


@given(st.text(sorted(MARKS), max_size=6))
def test_of_these_marks_float_takes_plain_numbers_alone(text: str) -> None:
    try:
        float(text)
        number = True
    except ValueError:
        number = False
    assert is_number(text) == number == (floats([text]) is not None)


def test_a_zero_has_no_sign_and_a_number_too_large_is_infinite() -> None:
    numbers = floats(["-0", "-0.0", "1e999"])
    assert numbers.tolist() == [0, 0, np.inf]
    assert not np.signbit(numbers).any()


@pytest.mark.parametrize("cell", ["1_000", "١٢", "１", "inf", "nan", "0x10", "1,5", " 1", "", "1e", "+", "1e9999999"])
def test_what_float_may_take_but_is_no_plain_number(cell: str) -> None:
    assert not is_number(cell)
    if cell != "1e9999999":
        assert floats([cell, "1"]) is None or cell == " 1"


def test_long_numbers_differ_in_their_last_digit() -> None:
    assert exact("12345678901234567891") - exact("12345678901234567890") == 1
    assert exact("1e999") == Decimal(10) ** 999


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("", "b is empty\n  Every cell has a value."),
        ("tall", "b is 'tall'\n  Features and all targets but classes are numbers.\n  Fix: measure it"),
        ("NA", "b is 'NA'\n  This is a missing value written as text"),
        ("1,5", "a decimal comma"),
        ("1,500", "a comma: for thousands, or a decimal comma"),
        ("1.234,5", "a thousands separator"),
        ("1\u202f234", "a thousands separator"),
        ("1_000", "a thousands separator"),
        ("1_0", "an underscore"),
        ("5 %", "a percent sign"),
        ("€ 1.20", "a currency"),
        ("EUR 5", "a currency"),
        ("-inf", "infinite"),
        ("1e999", "Numbers are below 1.8e308"),
        ("TRUE", "a word"),
        ("2020-01-31", "a date or a time"),
        ("12:30", "a date or a time"),
        ("0x1f", "another base"),
        ("12 kg", "a unit"),
        ("−5", "a minus sign"),
        ("１２", "the digits 0 to 9 of ASCII"),
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


def test_missing_values_are_those_of_pandas() -> None:
    assert {"", "nan", "NaN", "NA", "N/A", "null", "None", "<NA>"} <= MISSING
    assert not MISSING & {"none", "na", "Na", "no", "-", "?"}  # sodium is an element
