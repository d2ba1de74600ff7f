"""What a column of a table holds: inferred from its cells, or said by the user."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from lossbook.data.tables.columns import FALSE, KINDS, TRUE, as_texts, is_date, present
from lossbook.data.tables.dates import ambiguous, date_format
from lossbook.data.tables.faults import listed, quoted
from lossbook.data.tables.number_faults import looks
from lossbook.data.tables.numbers import as_numbers, read_numbers, share
from lossbook.data.tables.table import Table, shown
from lossbook.errors import nearest, refuse, typed

FEWEST = 10  # rows; in fewer, different cells may be due to chance
FEW_ROWS = 5  # in fewer, a column of 0, 1, 2, ... may well be a feature
FEW = 20  # different texts, which are categories however few rows there are
REPEATS = 2.0  # rows for each different text, on average, of categories
NUMERIC = 0.9  # if at least this share of the texts is numbers, the others are mistakes
LEFT_OUT = "leave_out"
IDENTIFIER = re.compile(r"(.*[_ .-])?(id|idx|index|row|uuid|guid|ID|Id|Index|Row)|.*[a-z](Id|ID)")


@dataclass(frozen=True)
class Kind:
    """What a column holds.

    Args:
        name: ``number``, ``boolean``, ``category``, ``date``; or ``text``, ``identifier``, ``row number``, ``empty`` or
            ``nested``, which are left out.
        form: of dates.
        hint: for the user.
    """

    name: str
    form: str = ""
    hint: str = ""

    @property
    def read(self) -> bool:
        """Whether a network can read the column."""
        return self.name in KINDS


def given_kinds(given: Any) -> dict[str, str]:
    """Return what the user says of columns: name -> kind, or ``leave_out``.

    Raises:
        UserError: a kind is unknown.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        rule = "Columns are given as a mapping from names to kinds."
        raise refuse(f"data.columns={typed(given)}", rule, "data.columns={NAME: category}")
    known = (*KINDS, LEFT_OUT)
    for name, kind in given.items():
        if kind not in known:
            fix = nearest(str(kind), known) or "category"
            raise refuse(
                f"data.columns={{{name}: {typed(kind)}}}",
                f"A column is one of {', '.join(known)}.",
                f'"data.columns={{{name}: {fix}}}"',
            )
    return {str(name).strip(): str(kind) for name, kind in given.items()}


def said_kind(table: Table, name: str, kind: str) -> Kind:
    """Return the kind that the user says a column is of.

    Raises:
        UserError: it holds no dates.
    """
    if kind != "date":
        return Kind(kind)
    column = present(table.column(name))
    if is_date(column):
        return Kind("date")
    form = date_format(as_texts(column))
    if form is None:
        first = quoted(str(next(iter(column.drop_nulls()), "")))
        rule = f"Its cells are not written as dates, such as 2026-01-31 or 31.1.2026; the first is {first}."
        raise refuse(f"data.columns={{{name}: date}}", rule, f'"data.columns={{{name}: leave_out}}"')
    return Kind("date", form)


def inferred_kind(table: Table, number: int) -> Kind:
    """Return what a column holds, by all of its cells.

    Args:
        table: of the training part, or the only one.
        number: place of the column.
    """
    column = table.column(number)
    given = present(column)
    name = table.header[number]
    if name in table.nested:
        return Kind("nested")
    values = given.drop_nulls()
    if values.is_empty():
        return Kind("empty")
    if given.dtype == pl.Boolean:
        return Kind("boolean")
    if is_date(given):
        return Kind("date")
    if given.dtype != pl.String:
        return _of_numbers(name, values, len(given))
    distinct = values.unique(maintain_order=True)
    if len(distinct) <= len(TRUE) and all(one.lower() in (*TRUE, *FALSE) for one in distinct):
        return Kind("boolean")
    numbers, decimal = read_numbers(distinct, table.decimal)
    numeric = share(numbers.is_not_null())
    if numeric == 1:
        as_column = numbers if len(numbers) == len(values) else as_numbers(values, decimal)
        found = _of_numbers(name, as_column, len(given))
        separated = decimal != "," and bool(values.str.contains(r"[,' ]").any())
        hint = f"{quoted(values[0])} is read as {as_column[0]:g}" if separated or decimal == "," else ""
        return Kind(found.name, hint=hint) if found.name == "number" and hint else found
    correct = share(as_numbers(values, decimal).is_not_null())
    if correct >= NUMERIC or (correct >= 0.5 and len(distinct) > FEW and numeric >= 0.5):
        return Kind("number")  # the others are mistakes, which reading the column reports
    if (form := date_format(values)) is not None:
        hint = f"read with the format {form}" if ambiguous(values, form) else ""
        return Kind("date", form, hint)
    return _of_texts(values, distinct, len(given))


def _of_numbers(name: str, values: pl.Series, rows: int) -> Kind:
    if _counts_rows(values, rows):
        return Kind("row number")
    if rows >= FEWEST and len(values) == rows and _all_different_whole(values):
        found = values.cast(pl.Float64).to_numpy()
        shuffled = found.min() in (0, 1) and np.ptp(found) == rows - 1
        if shuffled or IDENTIFIER.fullmatch(name):
            return Kind("identifier")
    return Kind("number")


def _of_texts(values: pl.Series, distinct: pl.Series, rows: int) -> Kind:
    if len(distinct) <= FEW and not (len(distinct) == len(values) and len(values) >= FEWEST):
        return Kind("category")
    if len(values) >= REPEATS * len(distinct):
        return Kind("category")
    rule = looks(str(distinct[0]), "")[0]
    hint = rule if ": this " in rule else ""
    if hint:
        return Kind("text", hint=f"{quoted(str(distinct[0]))}: {hint.rpartition(': ')[2]}")
    spaces = share(values.str.contains(r"\s"))
    return Kind("identifier" if len(distinct) == len(values) and spaces < 0.5 else "text")


def _counts_rows(values: pl.Series, rows: int) -> bool:
    """Return whether numbers are 0, 1, 2, ... or 1, 2, 3, ... in order."""
    if rows < FEW_ROWS or len(values) != rows or values[0] not in (0, 1):
        return False
    first = float(values[0])
    return values[rows - 1] == first + rows - 1 and np.array_equal(values.to_numpy(), np.arange(rows) + first)


def _all_different_whole(values: pl.Series) -> bool:
    if values.dtype.is_float() and not bool((values == values.round()).all()):
        return False
    return values.n_unique() == len(values)


def counts(table: Table, number: int) -> bool:
    """Return whether a column holds numbers, or texts that are."""
    column = present(table.column(number)).drop_nulls()
    return column.dtype != pl.String or bool(as_numbers(column, table.decimal or ".").is_not_null().all())


def unread(name: str, kind: Kind) -> str:
    """Return what to do about a named feature that no network can read."""
    what = {"text": "texts that hardly repeat", "identifier": "a different text in each row", "empty": "nothing"}
    held = what.get(kind.name, f"a {kind.name}")
    return f"Column {shown(name)} holds {held}{f' ({kind.hint})' if kind.hint else ''}; {listed(KINDS)} can be read."
