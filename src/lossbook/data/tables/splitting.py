"""The columns that divide a table into parts, or weigh its rows: groups, times, weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lossbook.data.tables.bad_rows import BadRows
from lossbook.data.tables.columns import as_texts, present
from lossbook.data.tables.inputs import cells_of
from lossbook.data.tables.kinds import inferred_kind
from lossbook.data.tables.table import Table, joined
from lossbook.errors import refuse


def group_codes(tables: Sequence[Table], name: str, bad: BadRows) -> np.ndarray:
    """Return a number for each group of rows, (N,) int64, over all tables in turn; rows without one are bad."""
    columns = [as_texts(present(table.column(name))) for table in tables]
    for number, column in enumerate(columns):
        bad.add_missing(number, name, column.is_null().to_numpy(), "a group")
    return joined(columns).rank("dense").fill_null(0).cast(int).to_numpy()


def times(tables: Sequence[Table], name: str, bad: BadRows) -> np.ndarray:
    """Return the time of each row, (N,) float64, over all tables in turn: a date or a number; others are bad.

    Raises:
        UserError: the column holds neither.
    """
    kind = inferred_kind(tables[0], tables[0].places[name])
    if kind.name not in ("number", "date", "row number", "identifier"):
        rule = f"Times are dates or numbers; this column holds {kind.name}."
        raise refuse(f"data.time_column={name}", rule, "data.time_column=ANOTHER")
    what = "date" if kind.name == "date" else "number"
    cells = cells_of(tables, name, what, kind.form)
    assert cells.numbers is not None
    _add_bad(tables, name, cells.missing, cells.bad, "a time", f"Column {name} is read as a {what}.", bad)
    return np.nan_to_num(cells.numbers[:, 0], nan=0.0)


def weights(tables: Sequence[Table], name: str, bad: BadRows) -> np.ndarray:
    """Return the weight of each row, (N,) float32, over all tables in turn; other than numbers from 0 on are bad.

    Raises:
        UserError: they are all 0.
    """
    cells = cells_of(tables, name, "number")
    assert cells.numbers is not None
    rule = "A weight must be a number from 0 on."
    values = np.nan_to_num(cells.numbers[:, 0], nan=0.0)
    wrong = cells.bad | (values < 0) | (values > np.finfo(np.float32).max)
    _add_bad(tables, name, cells.missing, wrong, "a weight", rule, bad)
    if not values.any():
        raise refuse(f"data.weight_column={name}", "All weights are 0.", "data.weight_column=ANOTHER")
    return values.astype(np.float32)


def _add_bad(
    tables: Sequence[Table], name: str, missing: np.ndarray, wrong: np.ndarray, what: str, rule: str, bad: BadRows
) -> None:
    start = 0
    for number, table in enumerate(tables):
        here = slice(start, start := start + table.count)
        bad.add_missing(number, name, missing[here], what)
        bad.add(number, name, wrong[here], rule, "correct the cell or delete the row, or data.on_bad=skip")
