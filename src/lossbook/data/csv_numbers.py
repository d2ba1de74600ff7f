"""Reading the cells of a CSV file as numbers, which must be in plain decimal notation."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

import numpy as np

PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,6})?", re.ASCII)
MARKS = frozenset("0123456789+-.eE")  # of strings of these alone, float() accepts exactly those that PLAIN matches
# what pandas reads as missing, unless told otherwise: pandas.read_csv, na_values
MISSING = frozenset(
    ("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA")
) | {"NAN", "NULL", "NaN", "NaT", "None", "n/a", "nan", "null"}


def is_number(cell: str) -> bool:
    """Return whether this is a number in plain decimal notation, such as -1.5e3."""
    return PLAIN.fullmatch(cell) is not None


def exact(cell: str) -> Decimal:
    """Return the exact number that a cell in plain decimal notation holds."""
    return Decimal(cell)


def floats(cells: Sequence[str]) -> np.ndarray | None:
    """Return cells as (N,) float64, or None if one is not in plain decimal notation. Overflow gives infinity."""
    if not MARKS.issuperset("".join(set(cells)) if len(cells) < 1000 else "".join(cells)):
        return None
    try:
        return np.fromiter(map(float, cells), np.float64, len(cells)) + 0.0  # no negative zero
    except ValueError:
        return None
