"""From the columns of tables to the inputs of a network: checked, fitted to the training part, and written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from lossbook.data.tables.bad_rows import BadRows
from lossbook.data.tables.columns import BLOCK, Cells, TableColumn, is_read_by_cell, read_cells, write_inputs
from lossbook.data.tables.faults import listed, quoted
from lossbook.data.tables.table import Table, joined, shown

LARGEST = float(np.finfo(np.float32).max)


def cells_of(tables: Sequence[Table], name: str, kind: str, form: str = "") -> Cells:
    """Return the cells of a column of all tables, one below the other, as values of a kind."""
    found = [read_cells(table.column(name), kind, table.decimal, form) for table in tables]
    if len(found) == 1:
        return found[0]
    bad = np.concatenate([one.bad for one in found])
    if kind == "category":
        return Cells(None, joined([one.texts for one in found if one.texts is not None]), bad)
    return Cells(np.concatenate([one.numbers for one in found if one.numbers is not None]), None, bad)


def check_cells(
    tables: Sequence[Table], columns: Mapping[str, tuple[str, str]], missing: str, bad: BadRows
) -> dict[str, int]:
    """Check the cells of columns, and return how many are missing, by column.

    Args:
        tables: in order.
        columns: name -> kind, and the format of dates.
        missing: ``impute``, or ``fail``: rows with missing cells are bad.
        bad: extended by rows with cells that are no value of the column's kind.
    """
    counts: Counter[str] = Counter()
    for name, (kind, form) in columns.items():
        fix = f'correct it, or data.on_bad=skip, or "data.columns={{{name}: category}}" or leave_out'
        for number, table in enumerate(tables):
            cells = read_cells(table.column(name), kind, table.decimal, form)
            lacking = cells.missing
            counts[name] += int(lacking.sum())
            if missing == "fail":
                bad.add_missing(number, name, lacking, "a value in each column")
            if cells.bad.any():
                rule = f"Column {shown(name)} is read as a {kind}{f', written as {form}' if form else ''}."
                if kind == "number":
                    bad.add_cells(number, name, cells.bad, rule, fix)
                else:
                    bad.add(number, name, cells.bad, rule, fix)
            if kind == "number" and cells.numbers is not None:
                with np.errstate(invalid="ignore"):
                    far = np.abs(cells.numbers[:, 0]) > LARGEST
                if far.any():
                    rule = "Numbers must be below 3.4e+38, since training uses float32."
                    bad.add(number, name, far, rule, "divide the column, or correct the cell")
    return {name: count for name, count in counts.items() if count}


def written(columns: Sequence[TableColumn], tables: Sequence[Table], rows: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Return the inputs of rows, (M, F) float32, and notes on categories that training has not seen.

    Args:
        columns: how they are read.
        tables: that hold them.
        rows: (M,) places of rows, counted over all tables in turn.
    """
    found = np.empty((len(rows), sum(column.width for column in columns)), np.float32)
    notes, start = [], 0
    for column in columns:
        notes += _write(column, tables, rows, found[:, start : start + column.width])
        start += column.width
    return found, notes


def _write(column: TableColumn, tables: Sequence[Table], rows: np.ndarray, out: np.ndarray) -> list[str]:
    """Write the inputs of a column, and return a note on categories that training has not seen."""
    if len(tables) == 1 and is_read_by_cell(series := tables[0].column(column.name), column.kind):
        for start in range(0, len(rows), BLOCK):  # no column of 64 bits beside what is written
            block = series.gather(pl.Series(rows[start : start + BLOCK]))
            cells = read_cells(block, column.kind)
            write_inputs(column, cells, np.arange(len(block)), out[start : start + BLOCK])
        return []
    cells = cells_of(tables, column.name, column.kind, column.form)
    unseen = write_inputs(column, cells, rows, out)
    lost = _unseen(column, unseen, cells, rows) if unseen else ""
    return [lost] if lost else []


def _unseen(column: TableColumn, unseen: Counter[str], cells: Cells, rows: np.ndarray) -> str:
    """Return a note on the unseen categories of these rows; empty where they have none."""
    assert cells.texts is not None
    here = cells.texts.gather(pl.Series(rows)) if len(rows) < len(cells.texts) else cells.texts
    strange = here.filter(here.is_in(list(unseen)))
    if strange.is_empty():
        return ""
    names = [quoted(name)[1:-1] for name, _ in Counter(strange.to_list()).most_common(3)]
    held = f"{listed(names)}{'' if len(unseen) <= 3 else ', ...'}"
    return (
        f"column {shown(column.name)}: {len(strange):,} of {len(rows):,} rows have a category that training did not"
        f" keep ({held}), read as none"
    )
