"""Class names in a column of a CSV file: checking, ordering and indexing them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import pairwise

import numpy as np

from lossbook.data.csv_faults import Fault, faults_error, listed, quoted
from lossbook.data.csv_numbers import MISSING, exact, is_number
from lossbook.data.csv_table import Table
from lossbook.errors import refuse


def missing_labels(table: Table, column: str) -> Iterator[Fault]:
    """Yield the rows without a class; missing values written as text (``NA``) count as missing."""
    cells = table.cells(column)
    for empty in (True, False):
        if rows := [row for row, cell in enumerate(cells) if cell in MISSING and (cell == "") == empty]:
            yield Fault(
                table.path,
                [table.lines[row] for row in rows],
                f"{quoted(column)[1:-1]} is {'empty' if empty else quoted(cells[rows[0]])}",
                "Every row needs a class" + ("." if empty else "; this is a missing value written as text."),
                "fill it in or delete the row; if it is a class, rename it",
            )


def class_names(table: Table, column: str) -> list[str]:
    """Return the classes of the training part: numbers by value (2 before 10), then strings by code points.

    The order depends only on the names.

    Raises:
        UserError: there are too few or too many classes, or two are the same number.
    """
    names = sorted(set(table.cells(column)), key=_order)
    where = f"{table.path}: column {quoted(column)[1:-1]}"
    if len(names) < 2:
        raise refuse(
            f"{where} holds one class, {listed(names)}",
            "Classification needs at least two classes.",
            "data.target_columns=[ANOTHER]" + (", or data.target=value" if is_number(names[0]) else ""),
        )
    if len(names) > max(20, len(table.rows) // 2):
        raise refuse(
            f"{where} holds {len(names)} different classes in {len(table.rows)} rows",
            "Classes repeat; this looks like numeric values or identifiers.",
            "data.target=value, or data.target_columns=[ANOTHER]",
        )
    numbers = [name for name in names if is_number(name)]
    if same := [f"{name} and {other}" for name, other in pairwise(numbers) if exact(name) == exact(other)]:
        rule = "They are the same number, but would become two classes."
        raise refuse(f"{where} holds both {listed(same)}", rule, "write each class in the same way")
    return names


def class_indices(tables: Sequence[Table], column: str, names: Sequence[str], known: bool) -> list[np.ndarray]:
    """Return the class indices of the rows, (N,) int64 per table.

    Args:
        tables: the training part first.
        column: name of the column that holds the classes.
        names: of the classes.
        known: whether the names come from a checkpoint; otherwise they are those of the first table.

    Raises:
        UserError: a row has a class that is not among ``names``.
    """
    index = {name: number for number, name in enumerate(names)}
    rule = f"The checkpoint knows {listed(names)}." if known else "Each class must occur in the training part."
    faults = []
    for table in tables if known else tables[1:]:
        unknown: dict[str, list[int]] = {}
        for cell, line in zip(table.cells(column), table.lines, strict=True):
            if cell not in index:
                unknown.setdefault(cell, []).append(line)
        for cell, lines in sorted(unknown.items()):
            what = f"column {quoted(column)[1:-1]} holds {listed([cell])}"
            fix = "delete these rows, or correct the name" if known else f"add rows of this class to {tables[0].path}"
            faults.append(Fault(table.path, lines, what, rule, fix))
    if faults:
        raise faults_error(faults)
    return [np.array([index[cell] for cell in table.cells(column)], np.int64) for table in tables]


def similar_names(table: Table, column: str, names: Sequence[str]) -> Iterator[str]:
    """Yield notes on classes whose names look alike."""
    alike: dict[str, list[str]] = {}
    for name in names:
        alike.setdefault(_folded(name), []).append(name)
    if pairs := [" and ".join(map(quoted, group)) for group in alike.values() if len(group) > 1]:
        yield f"classes that differ only in case, spaces or look-alike characters: {', '.join(pairs[:5])}"
    number = table.places[column]
    raw = {row[number] for row in table.rows}
    if len(raw) > len(names):
        padded = sorted(cell for cell in raw if cell != cell.strip())
        yield f"spaces around class names are ignored: {', '.join(map(quoted, padded[:3]))}"


def absent_classes(names: Sequence[str], parts: dict[str, np.ndarray]) -> list[str]:
    """Return a note on the classes that are missing from a part (those with few rows), or nothing."""
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
