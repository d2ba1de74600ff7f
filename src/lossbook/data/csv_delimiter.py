"""The delimiter of a CSV file: parsing the option, and guessing the one that a file uses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lossbook.errors import UserError, refuse

NAMES = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "space": " "}
WRITTEN = {"\t": "data.delimiter=tab", " ": "data.delimiter=space"}  # others need the quotes of the shell and of Hydra


def setting(mark: str) -> str:
    """Return the shell argument for this delimiter."""
    return WRITTEN.get(mark, f"\"data.delimiter='{mark}'\"")


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
        named = NAMES.get(given.strip().lower(), "\t" if given.strip() == r"\t" else given)
        if not given and "\t" in header:
            return "\t"
        if len(named) == 1 and not named.isalnum() and named not in '"\r\n\0':
            return named
    raise unfit(given, header)


def unfit(given: Any, header: str) -> UserError:
    """Return the error for an invalid delimiter."""
    names = ", ".join(NAMES)
    rule = f"The delimiter must be a single character other than a letter, digit or quote, or one of {names}."
    fix = setting(probable(header) or ";")
    return refuse(f"data.delimiter={given if isinstance(given, str) and given.strip() else repr(given)}", rule, fix)


def probable(header: str, rows: Sequence[str] = ()) -> str | None:
    """Return the common delimiter found in the header and, preferably, equally often in each row; None if none is."""
    held = [mark for mark in "\t;|, " if mark in header.strip(" \r\n")]
    cells = {mark: [len(line.split(mark.strip(" ") or None)) for line in (header, *rows)] for mark in held}
    alike = [mark for mark in held if rows and len(set(cells[mark])) == 1]
    return next(iter([*alike, *(mark for mark in held if mark != " ")]), None)  # names may contain spaces
