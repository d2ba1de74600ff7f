"""What is wrong with a cell that is not a number, and how to fix it."""

from __future__ import annotations

import re

from lossbook.data.tables.numbers import MISSING

_PLAINLY = "write it as 1234.5"
_LOOKS = (  # pattern, what such a cell is or has, and the fix
    (r"[+-]?\d{1,3}(,\d{3})+", "this has a comma, as a thousands separator or decimal comma", _PLAINLY),
    (r"[+-]?\d{1,3}(([,' _]\d{3})+(\.\d+)?|(\.\d{3})+,\d+)", "this has a thousands separator", _PLAINLY),
    (r"[+-]?\d*,\d+", "this has a decimal comma", f"{_PLAINLY}: pandas.read_csv(..., decimal=',') reads it"),
    (r"[+-]?\d[\d_]*_[\d_]*", "this has an underscore", _PLAINLY),
    (r".*\d\s*%", "this has a percent sign", "write 12.5 or 0.125 for 12.5%"),
    (r"[+-]?\s*([$€£¥₹]|[A-Z]{3}\s)\s*\S*\d.*|.*\d\s*[$€£¥₹]", "this has a currency symbol", _PLAINLY),
    (r"[+-]?(inf|infinity)", "this is infinite", "write a finite number, or delete the row"),
    (r"true|false|yes|no", "this is a word", "write 1 and 0"),
    (r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}.*|\d{1,2}:\d{2}.*", "this is a date or a time", "write a number, such as days"),
    (r"[+-]?0[xob][0-9a-f]+", "this is a number in another base", "write it in decimal digits"),
    (r"[+-]?[\d.]+\s*[a-zµ°]+\d?", "this has a unit", "write only the number"),
    (r"[−–—].*\d", "this has a typographic minus sign or dash", "write it as -1234.5"),
)


def looks(cell: str, fix: str) -> tuple[str, str]:
    """Return the rule that a cell other than a number breaks, and the fix."""
    if not cell:
        return "Every cell needs a value.", "fill it in or delete the row"
    if cell in MISSING:
        return "This is a missing value written as text; every cell needs a value.", "fill it in or delete the row"
    spaced = cell.replace("\u00a0", " ").replace("\u202f", " ")
    for pattern, what, how in _LOOKS:
        if re.fullmatch(pattern, spaced, re.ASCII | re.IGNORECASE):
            return f"Numbers must be written plainly, like -1234.5 or 1e-3: {what}.", how
    if any(mark.isnumeric() and not mark.isascii() for mark in cell):
        return "Numbers must be written in the ASCII digits 0 to 9, like -1234.5 or 1e-3.", _PLAINLY
    return "Features and targets other than classes must be numbers.", fix
