"""Parts of a Markdown page: tables, links, and escaped texts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

_LONGEST = 800  # characters of a message; runs.csv has all


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of cells that are Markdown already."""
    lines = [f"| {' | '.join(header)} |", "|" + "---|" * len(header)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def escaped(content: str) -> str:
    """Escape a text for a line or a table cell: no markup, no pipe, no line break."""
    kept = content if len(content) <= _LONGEST else content[:_LONGEST] + " ..."
    for char in "\\`*[]<>|$":
        kept = kept.replace(char, f"\\{char}")
    return "<br>".join(line.strip() for line in kept.splitlines() if line.strip())


def link(name: str, folder: Path, page: Path) -> str:
    """Return a link from a page in the folder ``page`` to another folder."""
    try:
        where = os.path.relpath(folder, page).replace(os.sep, "/")
    except ValueError:  # another drive
        return escaped(name)
    return f"[{escaped(name)}](<{where.replace('|', '%7C')}>)"


def few(names: Sequence[str], most: int) -> str:
    """Return the first of these, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return "; ".join(names[:most]) + more


def seconds(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.1f} s" if value < 10 else f"{value:.0f} s" if value < 600 else f"{value / 60:.0f} min"


def megabytes(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f} MB"
