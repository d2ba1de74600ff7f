from __future__ import annotations

import pytest

from lossbook.data.tables.number_faults import looks


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("", "Every cell needs a value."),
        ("tall", "Features and targets other than classes must be numbers.\n  Fix: measure it"),
        ("NA", "This is a missing value written as text"),
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
    rule, fix = looks(cell, "measure it")
    assert said in f"{rule}\n  Fix: {fix}"
