"""A column of class names: their order, and what makes them doubtful."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import pairwise

import numpy as np

from lossbook.data.csv_faults import Fault, listed, quoted, told
from lossbook.data.csv_numbers import MISSING, exact, is_number
from lossbook.data.csv_table import Table
from lossbook.errors import refuse


def missing_labels(table: Table, column: str) -> Iterator[Fault]:
    """The rows without a label: a missing value is no class, however it is written."""
    cells = table.cells(column)
    for empty in (True, False):
        if rows := [row for row, cell in enumerate(cells) if cell in MISSING and (cell == "") == empty]:
            yield Fault(
                table.path,
                [table.lines[row] for row in rows],
                f"{quoted(column)[1:-1]} is {'empty' if empty else quoted(cells[rows[0]])}",
                "Every row has a class" + ("." if empty else "; this is a missing value written as text."),
                "fill it or delete the row; if it is a class, give it another name",
            )


def class_names(table: Table, column: str) -> list[str]:
    """The classes of a training part: numbers in order, 2 before 10, then texts by their code points.

    The order depends on the names alone.

    Raises:
        UserError: there are too few or too many, or two are one number.
    """
    names = sorted(set(table.cells(column)), key=_order)
    where = f"{table.path}: column {quoted(column)[1:-1]}"
    if len(names) < 2:
        raise refuse(
            f"{where} holds one class, {listed(names)}",
            "Classification needs at least two.",
            "data.target_columns=[ANOTHER]" + (", or data.target=value" if is_number(names[0]) else ""),
        )
    if len(names) > max(20, len(table.rows) // 2):
        raise refuse(
            f"{where} holds {len(names)} different classes in {len(table.rows)} rows",
            "Classes repeat; this looks like numbers or names.",
            "data.target=value, or data.target_columns=[ANOTHER]",
        )
    numbers = [name for name in names if is_number(name)]
    if same := [f"{name} and {other}" for name, other in pairwise(numbers) if exact(name) == exact(other)]:
        rule = "They are the same number, and would be two classes."
        raise refuse(f"{where} holds both {listed(same)}", rule, "write each class in one way")
    return names


def class_indices(tables: Sequence[Table], column: str, names: Sequence[str], known: bool) -> list[np.ndarray]:
    """The index of each row's class, (N,) int64 a table.

    Args:
        tables: training part first.
        column: of the classes.
        names: of the classes.
        known: they are a checkpoint's; otherwise those of the first table.

    Raises:
        UserError: another class.
    """
    index = {name: number for number, name in enumerate(names)}
    rule = f"The checkpoint knows {listed(names)}." if known else "Each class occurs in the training part."
    faults = []
    for table in tables if known else tables[1:]:
        unknown: dict[str, list[int]] = {}
        for cell, line in zip(table.cells(column), table.lines, strict=True):
            if cell not in index:
                unknown.setdefault(cell, []).append(line)
        for cell, lines in sorted(unknown.items()):
            what = f"column {quoted(column)[1:-1]} holds {listed([cell])}"
            fix = "delete these rows, or correct the name" if known else f"add rows of it to {tables[0].path}"
            faults.append(Fault(table.path, lines, what, rule, fix))
    if faults:
        raise told(faults)
    return [np.array([index[cell] for cell in table.cells(column)], np.int64) for table in tables]


def doubtful(table: Table, column: str, names: Sequence[str]) -> Iterator[str]:
    """What is said of classes that look like one another."""
    alike: dict[str, list[str]] = {}
    for name in names:
        alike.setdefault(_folded(name), []).append(name)
    if pairs := [" and ".join(map(quoted, group)) for group in alike.values() if len(group) > 1]:
        yield f"classes that differ only in case, blanks or signs that look alike: {', '.join(pairs[:5])}"
    number = table.places[column]
    raw = {row[number] for row in table.rows}
    if len(raw) > len(names):
        padded = sorted(cell for cell in raw if cell != cell.strip())
        yield f"blanks around a class's name do not count: {', '.join(map(quoted, padded[:3]))}"


def absent(names: Sequence[str], parts: dict[str, np.ndarray]) -> list[str]:
    """What is said where a part lacks classes, which are the classes of few rows."""
    lacks = {
        part: [
            name for name, count in zip(names, np.bincount(targets, minlength=len(names)), strict=True) if count == 0
        ]
        for part, targets in parts.items()
    }
    said = [f"{part} lacks {listed(missing, 5)}" for part, missing in lacks.items() if missing]
    return [f"not every part has a row of each class: {'; '.join(said)}"] if said else []


def _order(name: str) -> tuple[bool, Decimal, str]:
    return (False, exact(name), name) if is_number(name) else (True, Decimal(0), name)


def _folded(name: str) -> str:
    visible = "".join(mark for mark in unicodedata.normalize("NFKC", name) if unicodedata.category(mark) != "Cf")
    return " ".join(visible.casefold().split())
