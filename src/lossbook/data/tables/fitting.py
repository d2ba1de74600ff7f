"""How the columns of a table are read: fitted to its training part, with notes on those that are suspicious."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lossbook.data.tables.choosing import Chosen
from lossbook.data.tables.columns import Cells, TableColumn, fitted_column
from lossbook.data.tables.extremes import lost_differences
from lossbook.data.tables.faults import listed, shortened
from lossbook.data.tables.inputs import cells_of
from lossbook.data.tables.leaks import leak
from lossbook.data.tables.table import Table, shown
from lossbook.errors import Problem, UserError, refuse


def fitted_columns(
    tables: Sequence[Table], chosen: Chosen, train: np.ndarray, y: np.ndarray, embedding: bool
) -> tuple[tuple[TableColumn, ...], list[str]]:
    """Return how the features are read, and notes on them.

    Args:
        tables: the training part first.
        chosen: the columns.
        train: places of the rows of the training part, counted over all tables in turn.
        y: (N,) class indices or (N, W) numbers of these rows.
        embedding: whether categories become codes.

    Raises:
        UserError: a column cannot be trained on, or there is nothing to embed.
    """
    columns: list[TableColumn] = []
    constant: list[str] = []
    notes: list[str] = []
    leaks: list[str] = []
    problems: list[Problem] = []
    for name, kind in chosen.features.items():
        cells = cells_of(tables, name, kind.name, kind.form)
        own = cells.of(train)
        column = fitted_column(name, kind.name, own, kind.form, embedding and kind.name == "category")
        columns.append(column)
        if kind.hint:
            notes.append(f"column {shown(name)}: {kind.hint}")
        notes += _rare(column, cells)
        if kind.name == "number" and own.numbers is not None:
            numbers = own.numbers[:, 0]
            if column.indicator:
                numbers = numbers[~np.isnan(numbers)]
            problems += filter(None, [lost_differences(tables[0], name, numbers)])
        if _is_constant(column, own):
            constant.append(name)
        elif note := leak(name, cells, train, chosen.targets, y):
            leaks.append(note)
    if problems:
        raise UserError(*problems)
    if not any(column.width for column in columns):
        given = f"{tables[0].path} has no value in its features in the training part"
        raise refuse(given, "A network needs an input.", "name others with data.feature_columns")
    if embedding and not any(column.embedded for column in columns):
        rule = "No column of this table is a category: it would have no effect."
        raise refuse("data.categories=embedding", rule, "data.categories=onehot")
    if constant:
        notes.append(f"features that are constant in the training part: {listed(constant)}")
    return tuple(columns), [*shortened(notes), *shortened(leaks)]


def _rare(column: TableColumn, cells: Cells) -> list[str]:
    """Return a note on the categories of a column that are not kept; nothing where all are."""
    if cells.texts is None:
        return []
    more = cells.texts.drop_nulls().n_unique() - len(column.categories)
    kept = f"column {shown(column.name)}: {len(column.categories):,} categories have an input"
    return [f"{kept}; {more:,} that are rare, or that the training part lacks, are read as none"] if more else []


def _is_constant(column: TableColumn, train: Cells) -> bool:
    if column.indicator:
        return False
    return len(column.categories) < 2 if train.numbers is None else bool(np.ptp(train.numbers[:, 0]) == 0)
