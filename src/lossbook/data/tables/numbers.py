"""Reading texts as numbers: with a decimal point or comma, and with thousands separators."""

from __future__ import annotations

import re
from decimal import Decimal

import polars as pl

_EXPONENT = r"([eE][+-]?\d{1,6})?"
PLAIN = re.compile(rf"[+-]?(\d+\.?\d*|\.\d+){_EXPONENT}", re.ASCII)
_FORMS = {  # decimal sign -> what a number looks like, and its thousands separators
    ".": (
        r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,6})?$",
        r"^[+-]?[0-9]{1,3}(G[0-9]{3})+(\.[0-9]+)?$",
        ",",
    ),
    ",": (r"^[+-]?([0-9]+,?[0-9]*|,[0-9]+)([eE][+-]?[0-9]{1,6})?$", r"^[+-]?[0-9]{1,3}(G[0-9]{3})+(,[0-9]+)?$", "."),
}
_ONLY_WITH_COMMA = r",|\..*\."  # is in every number that needs a decimal comma: 1,5 and 1.234.567
_SPACES = " '\u00a0\u202f\u2019"  # separate thousands in either notation
DECIMALS = {"point": ".", "comma": ",", ".": ".", ",": ","}
# what pandas reads as missing, unless told otherwise (pandas.read_csv, na_values), and UCI's question mark
MISSING = frozenset(
    ("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA")
) | {"NAN", "NULL", "NaN", "NaT", "None", "n/a", "nan", "null", "?"}


def is_number(cell: str) -> bool:
    """Return whether this is a number in plain decimal notation, such as -1.5e3."""
    return PLAIN.fullmatch(cell) is not None


def exact(cell: str) -> Decimal:
    """Return the exact number that a cell in plain decimal notation holds."""
    return Decimal(cell)


def as_numbers(cells: pl.Series, decimal: str) -> pl.Series:
    """Return texts as Float64, null where one is not a number; overflow gives infinity.

    Args:
        cells: String, stripped.
        decimal: ``.`` or ``,``.
    """
    plain, _, other = _FORMS[decimal]
    matched = cells.str.contains(plain)
    text = cells.str.replace(",", ".", literal=True) if decimal == "," else cells
    if matched.all():
        return text.cast(pl.Float64, strict=False)
    found = text.set(~matched.fill_null(True), None).cast(pl.Float64, strict=False)
    grouped = cells.str.contains(_grouped(decimal))
    text = cells.set(~grouped.fill_null(False), None).str.replace_all(f"[{re.escape(other)}{_SPACES}]", "")
    text = text.str.replace(",", ".", literal=True)
    return found.fill_null(text.cast(pl.Float64, strict=False))


def read_numbers(cells: pl.Series, decimal: str | None) -> tuple[pl.Series, str]:
    """Return texts as Float64, and the decimal sign under which more of them are numbers; by default a point.

    Args:
        cells: String, stripped, of one column.
        decimal: that of the file, which is preferred; None where it is not known.
    """
    first = decimal or "."
    numbers = as_numbers(cells, first)
    if numbers.null_count() == cells.null_count():
        return numbers, first
    second = "," if first == "." else "."
    others = as_numbers(cells, second)
    return (others, second) if others.null_count() < numbers.null_count() else (numbers, first)


def only_with_comma(cells: pl.Series) -> bool:
    """Return whether these texts are all numbers with a decimal comma, and at least one is none without."""
    if not cells.str.contains(_ONLY_WITH_COMMA).any():
        return False
    with_comma = as_numbers(cells, ",")
    return bool((with_comma.is_not_null() | cells.is_null()).all()) and bool(
        (as_numbers(cells, ".").is_null() & cells.is_not_null()).any()
    )


def share(mask: pl.Series) -> float:
    """Return the share of rows that a mask without nulls holds for, from 0 to 1."""
    return float(mask.to_numpy().mean())


def _grouped(decimal: str) -> str:
    _, pattern, other = _FORMS[decimal]
    return pattern.replace("G", f"[{re.escape(other)}{_SPACES}]")
