"""The character between cells: how it is typed, and which one a file probably has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lossbook.errors import UserError, refuse

NAMES = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "space": " "}
WRITTEN = {"\t": "data.delimiter=tab", " ": "data.delimiter=space"}  # others: in the quotes of the shell and of Hydra


def setting(mark: str) -> str:
    """What one types in a shell for this delimiter."""
    return WRITTEN.get(mark, f"\"data.delimiter='{mark}'\"")


def character(given: Any, header: str) -> str:
    r"""The delimiter that is meant: a character, its name, or ``\t``.

    A tab that reaches Hydra without quotes of its own arrives as nothing: it is meant where the file has tabs.

    Args:
        given: the value of ``data.delimiter``.
        header: the first line of the file.

    Raises:
        UserError: it is no delimiter.
    """
    if isinstance(given, str):
        named = NAMES.get(given.strip().lower(), "\t" if given.strip() == r"\t" else given)
        if not given and "\t" in header:
            return "\t"
        if len(named) == 1 and not named.isalnum() and named not in '"\r\n\0':
            return named
    raise unfit(given, header)


def unfit(given: Any, header: str) -> UserError:
    """The error for a delimiter that is none."""
    names = ", ".join(NAMES)
    rule = f"The delimiter is a single character, no letter, digit or quote; or its name: {names}."
    fix = setting(probable(header) or ";")
    return refuse(f"data.delimiter={given if isinstance(given, str) and given.strip() else repr(given)}", rule, fix)


def probable(header: str, rows: Sequence[str] = ()) -> str | None:
    """The usual delimiter that a header line holds, and as often each of some rows; None where there is none."""
    held = [mark for mark in "\t;|, " if mark in header.strip(" \r\n")]
    cells = {mark: [len(line.split(mark.strip(" ") or None)) for line in (header, *rows)] for mark in held}
    alike = [mark for mark in held if rows and len(set(cells[mark])) == 1]
    return next(iter([*alike, *(mark for mark in held if mark != " ")]), None)  # names may have blanks
