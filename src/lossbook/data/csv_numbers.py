"""Cells as numbers: plain decimal notation alone, and what a cell that is none looks like."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from lossbook.data.csv_faults import Fault, quoted

if TYPE_CHECKING:
    from lossbook.data.csv_table import Table

PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,6})?", re.ASCII)
MARKS = frozenset("0123456789+-.eE")  # float() of a text of these alone takes what PLAIN matches, and nothing else
# what pandas reads as missing, unless told otherwise: pandas.read_csv, na_values
MISSING = frozenset(
    ("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA")
) | {"NAN", "NULL", "NaN", "NaT", "None", "n/a", "nan", "null"}
_PLAINLY = "write it as 1234.5"
_LOOKS = (  # pattern -> what such a cell is or has, and the fix
    (r"[+-]?\d{1,3}(,\d{3})+", "this has a comma: for thousands, or a decimal comma", _PLAINLY),
    (r"[+-]?\d{1,3}(([,' _]\d{3})+(\.\d+)?|(\.\d{3})+,\d+)", "this has a thousands separator", _PLAINLY),
    (r"[+-]?\d*,\d+", "this has a decimal comma", f"{_PLAINLY}: pandas.read_csv(..., decimal=',') reads it"),
    (r"[+-]?\d[\d_]*_[\d_]*", "this has an underscore", _PLAINLY),
    (r".*\d\s*%", "this has a percent sign", "write 12.5 or 0.125 for 12.5%"),
    (r"[+-]?\s*([$€£¥₹]|[A-Z]{3}\s)\s*\S*\d.*|.*\d\s*[$€£¥₹]", "this has a currency", _PLAINLY),
    (r"[+-]?(inf|infinity)", "this is infinite", "write a finite number, or delete the row"),
    (r"true|false|yes|no", "this is a word", "write 1 and 0"),
    (r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}.*|\d{1,2}:\d{2}.*", "this is a date or a time", "write a number, such as days"),
    (r"[+-]?0[xob][0-9a-f]+", "this is a number to another base", "write it in decimal digits"),
    (r"[+-]?[\d.]+\s*[a-zµ°]+\d?", "this has a unit", "write the number alone"),
    (r"[−–—].*\d", "this has a minus sign that is no hyphen", "write it as -1234.5"),
)


def is_number(cell: str) -> bool:
    """Whether this is a number in plain decimal notation, such as -1.5e3."""
    return PLAIN.fullmatch(cell) is not None


def exact(cell: str) -> Decimal:
    """The number that a cell in plain decimal notation holds, to the last digit."""
    return Decimal(cell)


def floats(cells: Sequence[str]) -> np.ndarray | None:
    """(N,) float64; None where one is no number in plain decimal notation. One that is too large is infinite."""
    if not MARKS.issuperset("".join(set(cells)) if len(cells) < 1000 else "".join(cells)):
        return None
    try:
        return np.fromiter(map(float, cells), np.float64, len(cells)) + 0.0  # no negative zero
    except ValueError:
        return None


def faults(table: Table, column: str, cells: Sequence[str], fix: str) -> Iterator[Fault]:
    """The cells of a column that are no finite number, those that look alike together.

    Args:
        table: that has the column.
        column: its name.
        cells: its text.
        fix: for text that is no number in any way.
    """
    kinds: dict[tuple[str, str], list[int]] = {}
    for row, cell in enumerate(cells):
        if cell in MISSING or not is_number(cell):
            kinds.setdefault(_looks(cell, fix), []).append(row)
        elif not np.isfinite(float(cell)):
            kinds.setdefault(("Numbers are below 1.8e308.", "correct it, or delete the row"), []).append(row)
    for (rule, fix), rows in kinds.items():
        cell = cells[rows[0]]
        what = f"{quoted(column)[1:-1]} is {quoted(cell) if cell else 'empty'}"
        yield Fault(table.path, [table.lines[row] for row in rows], what, rule, fix)


def _looks(cell: str, fix: str) -> tuple[str, str]:
    """The rule that a cell breaks which is no number, and the fix."""
    if not cell:
        return "Every cell has a value.", "fill it or delete the row"
    if cell in MISSING:
        return "This is a missing value written as text; every cell has a value.", "fill it or delete the row"
    spaced = cell.replace("\u00a0", " ").replace("\u202f", " ")
    for pattern, what, how in _LOOKS:
        if re.fullmatch(pattern, spaced, re.ASCII | re.IGNORECASE):
            return f"A number is written plainly, like -1234.5 or 1e-3: {what}.", how
    if any(mark.isnumeric() and not mark.isascii() for mark in cell):
        return "A number is written in the digits 0 to 9 of ASCII, like -1234.5 or 1e-3.", _PLAINLY
    return "Features and all targets but classes are numbers.", fix
