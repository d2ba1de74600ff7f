"""Reads tables as a network's training table was read: columns by name, in any order."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl
import torch

from lossbook.data.reader import NewInputs, Reader
from lossbook.data.source import Features
from lossbook.data.tables.bad_rows import BadRows
from lossbook.data.tables.columns import TableColumn
from lossbook.data.tables.faults import TOLD, listed, shortened
from lossbook.data.tables.inputs import check_cells, written
from lossbook.data.tables.table import Dialect, Table, frame_table, read_table
from lossbook.errors import Problem, UserError, refuse

_OPTION = re.compile(r'[,;] (?:or )?"?data\.')  # begins an alternative to correcting the file


@dataclass(frozen=True)
class TableReader(Reader):
    """Reads rows of tables to (F,) float32.

    Args:
        columns: how each is read, in the order of the inputs.
        missing: ``impute`` missing cells, or ``fail``.
        delimiter, encoding, decimal: of text, as the user gave them for the training table; None to find them.
    """

    kind: ClassVar[str] = "table"
    suffixes: ClassVar[tuple[str, ...]] = (".csv", ".tsv", ".txt", ".parquet", ".pq", ".gz")

    columns: tuple[TableColumn, ...]
    missing: str = "impute"
    delimiter: str | None = None
    encoding: str | None = None
    decimal: str | None = None

    def __post_init__(self) -> None:
        made = tuple(one if isinstance(one, TableColumn) else TableColumn(**one) for one in self.columns)
        if not made or self.missing not in ("impute", "fail"):
            raise ValueError(f"{len(made)} columns, missing={self.missing}")
        object.__setattr__(self, "columns", made)

    @classmethod
    def of_features(cls, features: Features) -> TableReader:
        """Return the reader of a checkpoint of an earlier version, which knew columns of numbers without gaps."""
        triples = zip(features.names, features.mean, features.scale, strict=True)
        columns = tuple(TableColumn(name, "number", (), (mean,), (scale,)) for name, mean, scale in triples)
        return cls(columns, "fail")

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns that it reads."""
        return tuple(column.name for column in self.columns)

    @property
    def features(self) -> Features:
        """The inputs that it gives, and what those that are numbers are standardised by."""
        names: list[str] = []
        mean: list[float] = []
        scale: list[float] = []
        for column in self.columns:
            names += column.inputs
            plain = column.width - len(column.mean)
            mean += [*column.mean, *[0.0] * plain]
            scale += [*column.scale, *[1.0] * plain]
        return Features(tuple(names), tuple(mean), tuple(scale))

    @property
    def categories(self) -> tuple[tuple[int, int], ...]:
        """(place, number of categories) of the inputs that are codes of categories."""
        found, start = [], 0
        for column in self.columns:
            if column.embedded:
                found.append((start, max(1, len(column.categories))))
            start += column.width
        return tuple(found)

    @property
    def dialect(self) -> Dialect:
        """How texts are written."""
        return Dialect(self.delimiter, self.encoding, self.decimal)

    def state(self) -> dict[str, Any]:
        return {**super().state(), "columns": tuple(dict(vars(column)) for column in self.columns)}

    def files(self, paths: Sequence[Path], names: Sequence[str]) -> NewInputs:
        """Read the rows of tables; one is called by its place in its table, from 0, as ``data.split`` counts them."""
        tables: list[Table] = []
        called: list[str] = []
        bad: list[Problem] = []
        for path, name in zip(paths, names, strict=True):
            try:
                table = read_table(Path(path), self.dialect)
                self.require_columns(table)
            except UserError as error:
                bad += map(_without_options, error.problems)
                continue
            tables.append(table)
            called.append(name)
        prefixes = [f"{name}:" if len(paths) > 1 else "" for name in called]
        return self.rows(tables, prefixes, bad)

    def objects(self, inputs: Any) -> NewInputs:
        """Read a data frame of polars or pandas, a mapping of columns or of one row's cells, or a list of rows."""
        table = frame_table(as_frame(inputs, self.names), "the table")
        self.require_columns(table)
        return self.rows([table], [""])

    def require_columns(self, table: Table) -> None:
        """Check that a table has all columns, of plain cells.

        Raises:
            UserError: it lacks some, or they hold lists.
        """
        if problems := list(filter(None, map(table.unreadable, self.names))):
            raise UserError(*problems[:TOLD])

    def rows(self, tables: Sequence[Table], prefixes: Sequence[str], bad: Sequence[Problem] = ()) -> NewInputs:
        """Read all rows of tables that have the columns.

        Args:
            tables: in order.
            prefixes: of the names of the rows of each.
            bad: what else could not be read.
        """
        found = BadRows(tables)
        missing = check_cells(tables, {one.name: (one.kind, one.form) for one in self.columns}, self.missing, found)
        places, names, start = [], [], 0
        for table, prefix, wrong in zip(tables, prefixes, found.bad, strict=True):
            good = np.flatnonzero(~wrong)
            places.append(good + start)
            names += [f"{prefix}{row}" for row in good.tolist()]
            start += table.count
        kept = np.concatenate(places) if places else np.arange(0)
        matrix, notes = written(self.columns, tables, kept) if tables else (np.empty((0, self.width), np.float32), [])
        notes += _imputed(self.columns, missing)
        part = {"input": torch.from_numpy(matrix)}
        return NewInputs(names, part, [*bad, *map(_without_options, found.problems())], tuple(shortened(notes)))

    @property
    def width(self) -> int:
        """The number of inputs F."""
        return sum(column.width for column in self.columns)


def _without_options(problem: Problem) -> Problem:
    """Return a problem whose fix names no option of data: a trained network reads as it was trained to."""
    return replace(problem, fix=_OPTION.split(problem.fix, maxsplit=1)[0])


def _imputed(columns: Sequence[TableColumn], missing: Mapping[str, int]) -> list[str]:
    """Return a note on columns that lack values which none lacked in training."""
    new = [f"{one.name} ({missing[one.name]:,})" for one in columns if not one.indicator and one.name in missing]
    return [f"missing values, of which training had none: {listed(new)}"] if new else []


def as_frame(inputs: Any, names: Sequence[str]) -> pl.DataFrame:
    """Return inputs in memory as a data frame.

    Args:
        inputs: a data frame of polars or pandas, a mapping of columns or of one row's cells, a list of mappings, or an
            array (N, F) with the columns in the order of ``names``.
        names: of the columns.

    Raises:
        UserError: they are none of these.
    """
    if isinstance(inputs, pl.LazyFrame):
        inputs = inputs.collect()
    if isinstance(inputs, pl.DataFrame):
        return inputs
    if isinstance(inputs, torch.Tensor):
        inputs = inputs.detach().cpu().numpy()
    try:
        if hasattr(inputs, "columns") and hasattr(inputs, "to_numpy"):
            return _of_pandas(inputs)
        if isinstance(inputs, Mapping):
            whole = {str(name): _listed(column) for name, column in inputs.items()}
            return pl.DataFrame({name: pl.Series(name, column, strict=False) for name, column in whole.items()})
        if isinstance(inputs, np.ndarray) and inputs.ndim == 2 and inputs.shape[1] == len(names):
            return pl.DataFrame(inputs, schema=list(names), orient="row")
        if isinstance(inputs, Sequence) and inputs and all(isinstance(row, Mapping) for row in inputs):
            keys = dict.fromkeys(str(key) for row in inputs for key in row)
            rows = [{str(key): value for key, value in row.items()} for row in inputs]
            return pl.DataFrame([pl.Series(key, [row.get(key) for row in rows], strict=False) for key in keys])
    except (pl.exceptions.PolarsError, TypeError, ValueError) as error:
        given = f"a {type(inputs).__name__} that is no table ({str(error).partition(chr(10))[0]})"
        raise refuse(given, "Columns have names, equal lengths, and cells of one kind.", "give a data frame") from error
    shape = f" of shape {tuple(inputs.shape)}" if hasattr(inputs, "shape") else ""
    raise refuse(
        f"a {type(inputs).__name__}{shape} as the input of a network that reads tables",
        f"It reads the columns {listed(list(names), 12)}.",
        "give a data frame of polars or pandas, a mapping of columns, or a list of rows as mappings",
    )


def _listed(column: Any) -> Any:
    """Return a column as it is, and a single cell as a column of one row."""
    if isinstance(column, (str, bytes)) or not hasattr(column, "__len__"):
        return [column]
    return column if isinstance(column, (pl.Series, np.ndarray)) else list(column)


def _of_pandas(frame: Any) -> pl.DataFrame:
    """Return a data frame of pandas, whose index is no column; pyarrow is not needed."""
    columns = []
    for place, name in enumerate(frame.columns):
        column = frame.iloc[:, place]
        kind = str(column.dtype)
        if kind.startswith(("int", "uint", "float", "bool", "datetime64[")) and "," not in kind:
            columns.append(pl.Series(str(name), column.to_numpy()))
        else:
            cells = column.astype(object).where(column.notna(), None).tolist()
            columns.append(pl.Series(str(name), cells, strict=False))
    return pl.DataFrame(columns)
