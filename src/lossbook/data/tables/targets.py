"""Reading the targets of tables as arrays, with every cell checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from lossbook.data.schema import Schema
from lossbook.data.tables.bad_rows import BadRows
from lossbook.data.tables.classes import class_indices, similar_names
from lossbook.data.tables.columns import as_texts, present, read_cells
from lossbook.data.tables.faults import listed
from lossbook.data.tables.table import Table, shown
from lossbook.errors import refuse, typed

LARGEST = float(np.finfo(np.float32).max)
WHOLE = 2**24  # the largest whole number up to which float32 represents all


@dataclass(frozen=True)
class Targets:
    """The targets of tables, in the order of the rows.

    Args:
        schema: without shape of inputs and statistics.
        values: (N,) int64 class indices, or (N, W) float64, per table.
        notes: for the user.
    """

    schema: Schema
    values: list[np.ndarray]
    notes: tuple[str, ...] = ()


def read_targets(
    tables: Sequence[Table],
    names: Sequence[str],
    kind: str,
    bad: BadRows,
    known: Schema | None = None,
    separator: str | None = None,
) -> Targets:
    """Convert the cells of the target columns to numbers and class indices.

    Args:
        tables: the training part first.
        names: of the columns.
        kind: of the target.
        bad: extended by the rows that have no target, or one that breaks a rule.
        known: what a checkpoint knows of its target.
        separator: of the labels in a column; None where each label has a column of its own.

    Raises:
        UserError: the classes or labels of the training part do not fit.
    """
    if separator is not None:
        return _separated(tables, names, separator, () if known is None else known.class_names)
    if kind == "class":
        (column,) = names
        classes, values = class_indices(tables, column, () if known is None else known.class_names, bad)
        schema = Schema(kind, (1,), 0, classes=len(classes), class_names=tuple(classes))
        return Targets(schema, values, tuple(similar_names(tables[0], column, classes)))
    values = [
        np.concatenate([_numbers(number, table, name, kind, bad) for name in names], 1)
        for number, table in enumerate(tables)
    ]
    if kind == "multilabel":
        return Targets(Schema(kind, (1,), 0, classes=len(names), class_names=tuple(names)), values)
    schema = Schema(kind, (1,), 0, width=len(names), column_names=tuple(names))
    largest = max((matrix.max() for matrix in values if len(matrix)), default=0)
    rounded = f"counts go up to {largest:,.0f}; float32 rounds whole numbers above {WHOLE:,}"
    return Targets(schema, values, (rounded,) if kind == "count" and largest > WHOLE else ())


def _numbers(number: int, table: Table, name: str, kind: str, bad: BadRows) -> np.ndarray:
    """Return a column as (N, 1) float64; rows that break the rules of its kind are added to ``bad`` and become 0."""
    column = table.column(name)
    words = kind == "multilabel" and column.dtype == pl.String
    cells = read_cells(column, "boolean" if words else "number", table.decimal)
    assert cells.numbers is not None
    fix = "correct the cell, or delete the row, or data.on_bad=skip"
    bad.add_missing(number, name, cells.missing, "a target")
    rule = "A label must be 0 or 1." if words else "Targets other than classes must be numbers."
    bad.add_cells(number, name, cells.bad, rule, fix)
    values = np.nan_to_num(cells.numbers, nan=0.0)
    single = values[:, 0]
    bad.add(
        number, name, np.abs(single) > LARGEST, "Numbers must be below 3.4e+38, since training uses float32.",
        "divide the column, or correct the cell",
    )  # fmt: skip
    if kind == "multilabel":
        bad.add(number, name, ~np.isin(single, (0, 1)), "A label must be 0 or 1.", fix)
    elif kind == "count":
        rule = "A count must be a whole number >= 0."
        bad.add(number, name, (single < 0) | (single != np.round(single)), rule, f"{fix}; or data.target=value")
    return values


def _separated(tables: Sequence[Table], names: Sequence[str], separator: str, known: Sequence[str]) -> Targets:
    """Return the labels of a column that lists them; an empty cell has none."""
    (column,) = names
    lists = [
        as_texts(present(table.column(column)))
        .fill_null("")
        .str.split(separator)
        .list.eval(pl.element().str.strip_chars())
        for table in tables
    ]
    held = [sorted(set(one.explode().drop_nulls().to_list()) - {""}) for one in lists]
    labels = list(known) or held[0]
    if len(labels) < 2:
        given = f"{tables[0].path}: column {shown(column)} holds the labels {listed(labels) or '(none)'}"
        rule = f"Cells are divided at data.separator={separator}; there must be two labels at least."
        raise refuse(given, rule, "data.separator=SIGN")
    for table, own in zip(tables, held, strict=True):
        if strange := [label for label in own if label not in labels]:
            whose = "The checkpoint knows" if known else "Each label must occur in the training part, which has"
            given = f"{table.path}: column {shown(column)} holds {listed(strange, 5)}"
            raise refuse(given, f"{whose} {listed(labels)}.", "correct or remove them")
    if len(labels) > max(20, tables[0].count):
        given = f"{tables[0].path}: column {shown(column)} holds {len(labels):,} labels in {tables[0].count:,} rows"
        raise refuse(given, f"Labels repeat; cells are divided at data.separator={separator}.", "data.separator=SIGN")
    values = [
        np.stack([one.list.contains(label).fill_null(False).to_numpy() for label in labels], 1).astype(np.float64)
        for one in lists
    ]
    schema = Schema("multilabel", (1,), 0, classes=len(labels), class_names=tuple(labels))
    empty = sum(int((one.sum(1) == 0).sum()) for one in values)
    return Targets(schema, values, (f"{empty:,} rows have no label",) if empty else ())


def require_separator(separator: object, kind: str, names: Sequence[str]) -> None:
    """Check that a separator has an effect and can be one.

    Raises:
        UserError: it has none.
    """
    if separator is None:
        return
    given = f"data.separator={typed(separator)}"
    if kind != "multilabel" or len(names) != 1:
        raise refuse(given, "It divides the labels in one column of a multilabel target.", "data.separator=null")
    if not isinstance(separator, str) or not separator:
        raise refuse(given, "It is the text between two labels.", "\"data.separator=';'\"")
