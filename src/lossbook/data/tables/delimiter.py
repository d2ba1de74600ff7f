"""The delimiter of a text table: parsing the option, and finding the one that a file uses."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from typing import Any

from lossbook.errors import UserError, refuse

NAMES = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "space": " "}
WRITTEN = {"\t": "data.delimiter=tab", " ": "data.delimiter=space"}  # others need the quotes of the shell and of Hydra
_MARKS = (",", ";", "\t", "|", " ")


def setting(mark: str) -> str:
    """Return the shell argument for this delimiter."""
    return WRITTEN.get(mark, f"\"data.delimiter='{mark}'\"")


def named(mark: str) -> str:
    """Return the delimiter as notes call it."""
    return next((name for name, one in NAMES.items() if one == mark), repr(mark))


def character(given: Any, header: str) -> str:
    r"""Return the delimiter for a character, its name, or ``\t``.

    Hydra drops an unquoted tab, so an empty value means a tab if the file has tabs.

    Args:
        given: the value of ``data.delimiter``.
        header: the first line of the file.

    Raises:
        UserError: the value is not a delimiter.
    """
    if isinstance(given, str):
        mark = NAMES.get(given.strip().lower(), "\t" if given.strip() == r"\t" else given)
        if not given and "\t" in header:
            return "\t"
        if len(mark) == 1 and not mark.isalnum() and mark not in '"\r\n\0':
            return mark
    raise unfit(given, header)


def unfit(given: Any, header: str) -> UserError:
    """Return the error for an invalid delimiter."""
    names = ", ".join(NAMES)
    rule = f"The delimiter must be a single character other than a letter, digit or quote, or one of {names}."
    fix = setting(probable([header]) or ";")
    return refuse(f"data.delimiter={given if isinstance(given, str) and given.strip() else repr(given)}", rule, fix)


def probable(lines: Sequence[str]) -> str | None:
    """Return the delimiter of the first lines of a file; None if there seems to be none.

    Of the common ones it is one that divides all lines into as many cells, two at least; else the one that most of the
    lines agree on. A space is taken only where no other divides the header.
    """
    best, score = None, (0, 0.0)
    for mark in _MARKS:
        cells = _counts(lines, mark)
        if not cells or cells[0] < 2 or (mark == " " and best is not None):
            continue
        share = sum(count == cells[0] for count in cells) / len(cells)
        if (found := (int(share == 1), share)) > score:
            best, score = mark, found
    return best


def _counts(lines: Sequence[str], mark: str) -> list[int]:
    """Return how many cells each row of these lines has."""
    if mark == " ":
        return [len(line.split()) for line in lines if line.strip()]
    try:
        return [len(row) for row in csv.reader(lines, delimiter=mark, skipinitialspace=True) if row]
    except csv.Error:
        return []
