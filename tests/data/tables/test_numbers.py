from __future__ import annotations

from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossbook.data.tables.columns import read_cells
from lossbook.data.tables.numbers import MISSING, as_numbers, exact, is_number, only_with_comma, read_numbers


def read(*cells: str, decimal: str = ".") -> list[float | None]:
    return as_numbers(pl.Series(cells, dtype=pl.String), decimal).to_list()


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_what_python_and_numpy_write_is_read_to_the_bit(number: float) -> None:
    assert read(repr(number), f"{number:.17e}") == [number, number]
    assert read(repr(number).replace(".", ","), decimal=",") == [number]


@given(st.text(sorted("0123456789+-.eE"), max_size=6))
def test_of_these_marks_float_takes_plain_numbers_alone(text: str) -> None:
    try:
        number = float(text)
    except ValueError:
        number = None
    assert read(text) == [number]
    assert is_number(text) == (number is not None)


def test_a_zero_has_no_sign_and_a_number_too_large_is_infinite() -> None:
    assert read("-0", "-0.0", "1e999") == [0, 0, np.inf]
    numbers = read_cells(pl.Series(["-0", "-0.0"]), "number").numbers
    assert numbers is not None
    assert not np.signbit(numbers).any()


@pytest.mark.parametrize(
    "cell", ["1_000", "١٢", "１", "inf", "nan", "0x10", "1,5", " 1", "", "1e", "+", "12,34", "1,2345"]
)
def test_what_float_may_take_but_is_no_plain_number(cell: str) -> None:
    assert not is_number(cell)
    assert read(cell) == [None]


@pytest.mark.parametrize(
    ("cell", "decimal", "number"),
    [
        ("1,234", ".", 1234), ("-1,234,567.25", ".", -1234567.25), ("1 234.5", ".", 1234.5), ("1'234.5", ".", 1234.5),
        ("1.234", ",", 1234), ("1.234,5", ",", 1234.5), ("1\u202f234,5", ",", 1234.5), ("-,5", ",", -0.5),
        ("1,5e3", ",", 1500), ("1.5", ",", None), ("1,234.5", ",", None), ("1.234,5", ".", None),
    ],
)  # fmt: skip
def test_thousands_and_decimal_commas(cell: str, decimal: str, number: float | None) -> None:
    assert read(cell, decimal=decimal) == [number]
    assert read(cell, "7", decimal=decimal) == [number, 7]


def test_the_decimal_sign_is_the_one_that_makes_numbers() -> None:
    assert read_numbers(pl.Series(["1,5", "2"]), None)[1] == ","
    assert read_numbers(pl.Series(["1.5", "2"]), ",")[1] == "."
    assert read_numbers(pl.Series(["1.5", "2"]), None)[1] == "."
    assert read_numbers(pl.Series(["1,234", "2,345"]), None)[1] == "."  # thousands, unless another column says commas
    assert read_numbers(pl.Series(["1,234", "2,345"]), ",")[1] == ","
    assert only_with_comma(pl.Series(["1,5", None, "3"]))
    assert only_with_comma(pl.Series(["1.234.567", "3"]))
    assert not only_with_comma(pl.Series(["1.234", "3"]))
    assert not only_with_comma(pl.Series(["1,500", "3"]))
    assert not only_with_comma(pl.Series(["1,5", "a"]))


def test_long_numbers_differ_in_their_last_digit() -> None:
    assert exact("12345678901234567891") - exact("12345678901234567890") == 1
    assert exact("1e999") == Decimal(10) ** 999


def test_missing_values_are_those_of_pandas() -> None:
    assert {"", "nan", "NaN", "NA", "N/A", "null", "None", "<NA>"} <= MISSING
    assert not MISSING & {"none", "na", "Na", "no", "-"}  # sodium is an element
