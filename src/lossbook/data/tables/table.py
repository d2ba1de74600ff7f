"""Tables as they are read: named columns, one at a time, from text, Parquet or memory."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from lossbook.data.tables.cells import divide
from lossbook.data.tables.faults import TOLD, Fault, listed, quoted
from lossbook.data.tables.numbers import DECIMALS, is_number, only_with_comma
from lossbook.data.tables.text import GZIP, PARQUET, decoded, read_content
from lossbook.errors import Problem, nearest, refuse

UNNAMED = re.compile(r"|Unnamed: \d+(\.\d+)?")  # the index as pandas writes it, and as it names it when reading
_NESTED = (pl.List, pl.Array, pl.Struct, pl.Binary, pl.Object)


@dataclass(frozen=True)
class Dialect:
    """How text is written; None for what is to be found.

    Args:
        delimiter: between cells.
        encoding: a name that Python knows.
        decimal: ``point`` or ``comma``.
        skip: leave out rows that have more or fewer cells than the header.
    """

    delimiter: Any = None
    encoding: Any = None
    decimal: Any = None
    skip: bool = False

    def __post_init__(self) -> None:
        if self.decimal is not None and self.decimal not in DECIMALS:
            raise refuse(f"data.decimal={self.decimal}", "It is point, comma, or null to find it.", "data.decimal=null")


@dataclass(frozen=True)
class Table:
    """The columns of a file, or of a data frame.

    Args:
        path: of the file.
        header: column names; only unnamed ones may be repeated.
        count: number of rows.
        read: gives a column by its place; of a text String, otherwise of any type.
        lines: (N,) line of each row of a text; None where rows are counted, from 0.
        decimal: sign of numbers in texts, ``.`` or ``,``; None where each column shows it.
        notes: how it was read.
        nested: names of the columns that hold lists, structs or bytes.
    """

    path: Path
    header: list[str]
    count: int
    read: Callable[[int], pl.Series]
    lines: np.ndarray | None = None
    decimal: str | None = None
    notes: tuple[str, ...] = ()
    nested: tuple[str, ...] = ()

    @cached_property
    def places(self) -> dict[str, int]:
        """Column name -> its place; of unnamed columns the first."""
        return {name: number for number, name in reversed(list(enumerate(self.header)))}

    def column(self, column: str | int) -> pl.Series:
        """Return a column, given by name or place; texts stripped of surrounding spaces, in one chunk."""
        found = self.read(column if isinstance(column, int) else self.places[column])
        if isinstance(found.dtype, (pl.Categorical, pl.Enum)):
            found = found.cast(pl.String)
        return found.rechunk().str.strip_chars() if found.dtype == pl.String else found

    def cell(self, column: str | int, row: int) -> str:
        """Return a cell as it is written; an empty text for none."""
        found = self.read(column if isinstance(column, int) else self.places[column])[row]
        return "" if found is None else str(found)

    def fault(self, column: str, rows: np.ndarray, rule: str, fix: str, what: str | None = None) -> Fault:
        """Return the fault of the cells of a column in these rows.

        Args:
            column: its name.
            rows: one or more, ascending.
            rule, fix: as in ``Fault``.
            what: what the first cell holds, where its text would not do.
        """
        if what is None:
            cell = self.cell(column, int(rows[0])).strip()
            what = f"{shown(column)} is {quoted(cell) if cell else 'empty'}"
        lines = rows if self.lines is None else self.lines[rows]
        return Fault(self.path, lines.tolist(), what, rule, fix, "row" if self.lines is None else "line")

    def where(self, row: int) -> str:
        """Return how to find a row: ``FILE line 5``."""
        return f"{self.path} row {row}" if self.lines is None else f"{self.path} line {self.lines[row]}"

    def unreadable(self, name: str) -> Problem | None:
        """Return the problem of a column of this name that does not exist, or that holds no plain cells; or None."""
        if name not in self.places:
            return self.lacks(name)
        if name in self.nested:
            given = f"{self.path}: column {shown(name)} holds lists, structs or bytes"
            return Problem(given, "A cell is a number, a text, a date or a boolean.", "write it as several columns")
        return None

    def lacks(self, name: str) -> Problem:
        """Return the problem of a column name that does not exist."""
        given, held = f"{self.path} has no column {listed([name])}", listed(self.header, 12)
        if sum(map(is_number, self.header)) * 2 >= len(self.header):
            return Problem(given, f"Its first line looks like a row, not like names: {held}.", "add a header line")
        close = nearest(name, self.header)
        fix = f"did you mean {close}?" if close else "use a name from the header line"
        return Problem(given, f"Its columns are {held}.", fix)


def shown(name: str) -> str:
    """Return a column's name as messages write it."""
    return quoted(name)[1:-1]


def read_table(path: Path, dialect: Dialect = Dialect()) -> Table:
    """Read a text with a header line whole, or open a Parquet file, of which columns are read one at a time.

    Raises:
        UserError: the file is missing, of another kind, empty or damaged.
    """
    with_head = _head(path)
    if with_head.startswith(PARQUET):
        return _parquet(path, str(path))
    content = read_content(path)
    if content.startswith(PARQUET):
        return _parquet(path, io.BytesIO(content))
    text, encoding = decoded(path, content, dialect.encoding)
    del content
    cells = divide(path, text, dialect.delimiter, dialect.skip)
    notes = list(cells.notes)
    if dialect.encoding is None and encoding not in ("utf-8", "utf-8-sig"):
        notes.append(f"{path.name}: the encoding is {'Windows-1252' if encoding == 'cp1252' else encoding.upper()}")
    table = Table(path, cells.header, cells.columns.height, lambda n: cells.columns[str(n)], cells.lines)
    decimal = DECIMALS.get(dialect.decimal)
    if dialect.decimal is None and (comma := _comma_columns(table)):
        decimal = ","
        notes.append(f"{path.name}: the decimal sign is a comma, as in {listed(comma, 3)}")
    return _sound(replace(table, decimal=decimal, notes=tuple(notes)))


def frame_table(frame: pl.DataFrame, name: str) -> Table:
    """Return the table of a data frame in memory, called by a name in messages."""
    header = [one.strip() for one in frame.columns]
    return _sound(Table(Path(name), header, frame.height, frame.to_series, nested=_nested(header, frame.dtypes)))


def _head(path: Path) -> bytes:
    try:
        if not path.is_file():
            return b""
        with path.open("rb") as file:
            return file.read(len(GZIP) + len(PARQUET))
    except (OSError, ValueError):
        return b""  # ``read_content`` says why


def _parquet(path: Path, source: Any) -> Table:
    try:
        scanned = pl.scan_parquet(source, **_exactly(source))
        schema, count = scanned.collect_schema(), scanned.select(pl.len()).collect().item()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise refuse(f"{path} is a damaged Parquet file", f"{_first_line(error)}.", "write it again") from error
    names = list(schema)
    if count == 0:
        raise refuse(f"{path} has no rows", "A table needs rows.", "add rows")

    def read(place: int) -> pl.Series:
        try:
            if isinstance(source, io.BytesIO):
                source.seek(0)
            return pl.read_parquet(source, columns=[names[place]], **_exactly(source)).to_series()
        except (pl.exceptions.PolarsError, OSError) as error:
            given = f"{path}: column {shown(names[place])} cannot be read"
            raise refuse(given, f"{_first_line(error)}.", "write it again") from error

    header = [name.strip() for name in names]
    nested = _nested(header, list(schema.values()))
    notes = (f"{path.name}: columns that hold lists or bytes: {listed(nested, 5)}",) if nested else ()
    return _sound(Table(path, header, count, read, notes=notes, nested=nested))


def _nested(header: Sequence[str], kinds: Sequence[pl.DataType]) -> tuple[str, ...]:
    """Return the names of the columns that hold lists, structs or bytes."""
    return tuple(name for name, kind in zip(header, kinds, strict=True) if isinstance(kind, _NESTED))


def _exactly(source: Any) -> dict[str, Any]:
    """Return options that take a path as it is: brackets are no pattern, folders no columns."""
    return {"glob": False, "hive_partitioning": False} if isinstance(source, str) else {}


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(".") or type(error).__name__


def _comma_columns(table: Table) -> list[str]:
    """Return the names of columns that are all numbers, if commas are decimal signs, and otherwise are not."""
    return [shown(name) for number, name in enumerate(table.header) if only_with_comma(table.column(number))]


def _sound(table: Table) -> Table:
    """Return the table if its columns can be told apart.

    Raises:
        UserError: two have the same name.
    """
    twice = [name for name, count in Counter(table.header).items() if count > 1 and not UNNAMED.fullmatch(name)]
    if twice:
        rule = "Column names must be unique."
        if all(map(is_number, twice)):
            rule = f"{rule[:-1]}; this looks like a row, not like the header line."
        raise refuse(f"{table.path} has two columns {', '.join(map(quoted, twice[:TOLD]))}", rule, "rename one")
    return table


def joined(columns: Sequence[pl.Series]) -> pl.Series:
    """Return columns of several tables one below the other."""
    return columns[0] if len(columns) == 1 else pl.concat(list(columns), rechunk=True)


def located(tables: Sequence[Table], row: int) -> tuple[Table, int]:
    """Return the table that holds a row, counted over all tables in turn, and its place there."""
    for table in tables:
        if row < table.count:
            return table, row
        row -= table.count
    raise IndexError(row)
