"""Reading the features and targets of tables as arrays, with every cell checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lossbook.data.csv_classes import class_indices, class_names, missing_labels, similar_names
from lossbook.data.csv_columns import TableColumns, typed_columns
from lossbook.data.csv_faults import Fault, faults_error, quoted
from lossbook.data.csv_number_faults import faults
from lossbook.data.csv_numbers import floats
from lossbook.data.csv_table import Table
from lossbook.data.schema import Schema

LARGEST = float(np.finfo(np.float32).max)
WHOLE = 2**24  # the largest whole number up to which float32 represents all


@dataclass(frozen=True)
class Values:
    """The features and targets of tables, in the order of the file.

    Args:
        schema: without statistics.
        features: (N, F) float64 per table.
        targets: (N,) int64 class indices, or (N, W) float64, per table.
        notes: for the user.
    """

    schema: Schema
    features: list[np.ndarray]
    targets: list[np.ndarray]
    notes: tuple[str, ...] = ()


def read_values(
    tables: Sequence[Table], columns: TableColumns, target: str, named: bool, known: Sequence[str] = ()
) -> Values:
    """Convert the cells of columns to numbers and class indices.

    Args:
        tables: the training part first.
        columns: that are read.
        target: kind of the target.
        named: whether the user named the features.
        known: the classes of a checkpoint, in order.

    Raises:
        UserError: cells are empty or invalid; reported together.
    """
    found: list[Fault] = []
    features = [_numbers(table, columns.features, found, not named) for table in tables]
    width, count = len(columns.features), len(columns.targets)
    if target == "class":
        (column,) = columns.targets
        found += [fault for table in tables for fault in missing_labels(table, column)]
        _require_none(found)
        classes = tuple(known or class_names(tables[0], column))
        schema = Schema(target, (width,), 0, classes=len(classes), class_names=classes)
        notes = tuple(similar_names(tables[0], column, classes))
        return Values(schema, features, class_indices(tables, column, classes, bool(known)), notes)
    targets = [_numbers(table, columns.targets, found) for table in tables]
    for table, matrix in zip(tables, targets, strict=True):
        found += _of_another_kind(table, columns.targets, matrix, target)
    _require_none(found)
    if target == "multilabel":
        schema = Schema(target, (width,), 0, classes=count, class_names=tuple(columns.targets))
    else:
        schema = Schema(target, (width,), 0, width=count, column_names=tuple(columns.targets))
    largest = max(matrix.max() for matrix in targets)
    rounded = f"counts go up to {largest:,.0f}; float32 rounds whole numbers above {WHOLE:,}"
    return Values(schema, features, targets, (rounded,) if target == "count" and largest > WHOLE else ())


def _require_none(found: Sequence[Fault]) -> None:
    if found:
        raise faults_error(found)


def _numbers(table: Table, names: Sequence[str], found: list[Fault], optional: bool = False) -> np.ndarray:
    """Return columns as (N, C) float64; cells that are not float32 numbers are added to ``found`` and become 0.

    Args:
        table: the one to read.
        names: of the C columns.
        found: faults, extended in place.
        optional: whether the columns were chosen because none was named; the fix may then be to name others.
    """
    columns = {name: floats(table.cells(name)) for name in names}
    rest = [name for name, column in columns.items() if column is not None]
    fix = "write it as numbers, or name the columns to use with data.feature_columns=[...]"
    if optional and 0 < len(rest) <= 20:
        fix = f"write it as numbers, or leave it out: {typed_columns('data.feature_columns', rest)}"
    for name, column in columns.items():
        if column is None or not np.isfinite(column).all():
            found += faults(table, name, table.cells(name), fix)
        elif (rows := np.flatnonzero(np.abs(column) > LARGEST)).size:
            rule = "Numbers must be below 3.4e+38, since training uses float32."
            found.append(_fault(table, name, rows, rule, "divide the column, or correct the cell"))
    zeros = np.zeros(len(table.rows))
    return np.stack([zeros if column is None else column for column in columns.values()], 1)


def _of_another_kind(table: Table, names: Sequence[str], matrix: np.ndarray, target: str) -> Iterator[Fault]:
    """Yield the cells that are numbers but not labels or counts."""
    if target == "multilabel":
        holds, rule = np.isin(matrix, (0, 1)), "A label must be 0 or 1."
    elif target == "count":
        holds, rule = (matrix >= 0) & (matrix == np.round(matrix)), "A count must be a whole number >= 0."
    else:
        return
    for number in np.flatnonzero(~holds.all(0)).tolist():
        yield _fault(
            table, names[number], np.flatnonzero(~holds[:, number]), rule, "correct the cell, or data.target=value"
        )


def _fault(table: Table, name: str, rows: np.ndarray, rule: str, fix: str) -> Fault:
    """Return the fault of the cells in these rows."""
    cell = table.cells(name)[rows[0]]
    lines = [table.lines[row] for row in rows]
    return Fault(table.path, lines, f"{quoted(name)[1:-1]} is {quoted(cell)}", rule, fix)
