"""Class names in a column of a table: checking, ordering and indexing them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import pairwise

import numpy as np
import polars as pl

from lossbook.data.tables.bad_rows import BadRows
from lossbook.data.tables.columns import as_texts, present
from lossbook.data.tables.faults import listed, quoted
from lossbook.data.tables.numbers import exact, is_number
from lossbook.data.tables.table import Table, shown
from lossbook.errors import refuse

FEW = 20  # classes that are accepted however few rows there are


def class_names(table: Table, column: str, cells: pl.Series) -> list[str]:
    """Return the classes of the training part: numbers by value (2 before 10), then strings by code points.

    The order depends only on the names.

    Args:
        table: for messages.
        column: its name.
        cells: texts, null where missing.

    Raises:
        UserError: there are too few or too many classes, or two are the same number.
    """
    names = sorted(cells.drop_nulls().unique().to_list(), key=_order)
    where = f"{table.path}: column {shown(column)}"
    if len(names) < 2:
        held = f"holds one class, {listed(names)}" if names else "holds no class"
        raise refuse(
            f"{where} {held}",
            "Classification needs at least two classes.",
            "data.target_columns=[ANOTHER]" + (", or data.target=value" if names and is_number(names[0]) else ""),
        )
    if len(names) > max(FEW, len(cells) // 2):
        raise refuse(
            f"{where} holds {len(names)} different classes in {len(cells)} rows",
            "Classes repeat; this looks like numeric values or identifiers.",
            "data.target=value, or data.target_columns=[ANOTHER]",
        )
    numbers = [name for name in names if is_number(name)]
    if same := [f"{name} and {other}" for name, other in pairwise(numbers) if exact(name) == exact(other)]:
        rule = "They are the same number, but would become two classes."
        raise refuse(f"{where} holds both {listed(same)}", rule, "write each class in the same way")
    return names


def class_indices(
    tables: Sequence[Table], column: str, known: Sequence[str], bad: BadRows
) -> tuple[list[str], list[np.ndarray]]:
    """Return the names of the classes, and the index of each row's, (N,) int64 per table; 0 for bad rows.

    Args:
        tables: the training part first.
        column: name of the column that holds the classes.
        known: names of the classes, from a checkpoint; empty for those of the first table.
        bad: extended by the rows without a class, or with one that is not among the names.

    Raises:
        UserError: the classes of the training part do not fit.
    """
    cells = [as_texts(present(table.column(column))) for table in tables]
    for number, one in enumerate(cells):
        bad.add_missing(number, column, one.is_null().to_numpy(), "a class")
    names = list(known) or class_names(tables[0], column, cells[0])
    rule = f"The checkpoint knows {listed(names)}." if known else "Each class must occur in the training part."
    fix = "delete these rows, or correct the name" if known else f"add rows of this class to {tables[0].path}"
    found = []
    for number, one in enumerate(cells):
        indices = one.replace_strict(names, list(range(len(names))), default=-1, return_dtype=pl.Int64)
        strange = (indices.fill_null(-1) < 0) & one.is_not_null()
        for name in sorted(one.filter(strange).unique().to_list()):
            what = f"column {shown(column)} holds {listed([name])}"
            bad.add(number, column, (one == name).fill_null(False).to_numpy(), rule, fix, what)
        found.append(indices.fill_null(0).clip(0).to_numpy().copy())
    return names, found


def similar_names(table: Table, column: str, names: Sequence[str]) -> Iterator[str]:
    """Yield notes on classes whose names look alike."""
    alike: dict[str, list[str]] = {}
    for name in names:
        alike.setdefault(_folded(name), []).append(name)
    if pairs := [" and ".join(map(quoted, group)) for group in alike.values() if len(group) > 1]:
        yield f"classes that differ only in case, spaces or look-alike characters: {', '.join(pairs[:5])}"
    raw = table.read(table.places[column])
    if raw.dtype == pl.String:
        written = raw.drop_nulls().unique()
        padded = sorted(written.filter(written != written.str.strip_chars()).to_list())
        if padded and len(written) > len(names):
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
