from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossbook.data.csv_numbers import MARKS, MISSING, exact, floats, is_number


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


def test_missing_values_are_those_of_pandas() -> None:
    assert {"", "nan", "NaN", "NA", "N/A", "null", "None", "<NA>"} <= MISSING
    assert not MISSING & {"none", "na", "Na", "no", "-", "?"}  # sodium is an element
