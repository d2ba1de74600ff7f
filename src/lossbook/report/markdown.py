"""Pieces of a page in Markdown: tables, and texts that mean nothing in it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

_LONGEST = 800  # letters of a message; the whole is in runs.csv


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; cells are Markdown already."""
    lines = [f"| {' | '.join(header)} |", "|" + "---|" * len(header)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def escaped(content: str) -> str:
    """A text that stands in a line or in a cell as it is: no markup of its own, no pipe, no line break."""
    kept = content if len(content) <= _LONGEST else content[:_LONGEST] + " ..."
    for char in "\\`*[]<>|$":
        kept = kept.replace(char, f"\\{char}")
    return "<br>".join(line.strip() for line in kept.splitlines() if line.strip())


def link(name: str, folder: Path, page: Path) -> str:
    """A link from a page in the folder ``page`` to another folder."""
    try:
        where = os.path.relpath(folder, page).replace(os.sep, "/")
    except ValueError:  # another drive
        return escaped(name)
    return f"[{escaped(name)}](<{where.replace('|', '%7C')}>)"


def few(names: Sequence[str], most: int) -> str:
    """The first of these, and how many there are besides."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return "; ".join(names[:most]) + more


def seconds(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.1f} s" if value < 10 else f"{value:.0f} s" if value < 600 else f"{value / 60:.0f} min"


def megabytes(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f} MB"
