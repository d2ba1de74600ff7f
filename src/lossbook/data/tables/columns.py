"""A column that a network reads: what is kept of it in checkpoints, and its cells as the network's inputs."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from lossbook.data.scale import mean_and_scale
from lossbook.data.tables.dates import FIELDS, as_dates, date_format, date_numbers
from lossbook.data.tables.numbers import MISSING, read_numbers

KINDS = ("number", "boolean", "category", "date")
MOST = {"onehot": 100, "embedding": 10_000}  # categories of a column; rarer ones are read like unseen ones
TRUE, FALSE = ("true", "yes", "y", "t", "on"), ("false", "no", "n", "f", "off")
BLOCK = 1 << 18  # rows worked on at once, where a whole column would need memory several times


@dataclass(frozen=True)
class TableColumn:
    """How a column is read.

    Args:
        name: in the header.
        kind: ``number``, ``boolean``, ``category`` or ``date``.
        fill: what stands for a missing value, one number for each that the column gives: medians of the training part;
            empty where missing values are refused.
        mean, scale: of the training part, for each number.
        indicator: whether a further input says that the value is missing.
        categories: texts, in the order of their inputs or codes.
        embedded: categories are given as codes, from 1, rather than an input each.
        form: of dates.
    """

    name: str
    kind: str
    fill: tuple[float, ...] = ()
    mean: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    indicator: bool = False
    categories: tuple[str, ...] = ()
    embedded: bool = False
    form: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"{self.name} is of the kind {self.kind}")
        for numbers in (self.fill, self.mean, self.scale):
            if not all(isinstance(number, (int, float)) and math.isfinite(number) for number in numbers):
                raise ValueError(f"{self.name}: {numbers}")
        if len(self.mean) != len(self.scale) or len(self.fill) not in (0, len(self.mean)):
            raise ValueError(f"{self.name}: {len(self.fill)}, {len(self.mean)}, {len(self.scale)}")

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the network's inputs that the column gives."""
        if self.kind == "category":
            own = (self.name,) if self.embedded else tuple(f"{self.name}={one}" for one in self.categories)
        else:
            own = tuple(f"{self.name} {field}" for field in FIELDS) if self.kind == "date" else (self.name,)
        return (*own, f"{self.name} missing") if self.indicator else own

    @property
    def width(self) -> int:
        """The number of the network's inputs that the column gives."""
        own = (1 if self.embedded else len(self.categories)) if self.kind == "category" else len(self.mean)
        return own + self.indicator


@dataclass(frozen=True)
class Cells:
    """The cells of a column.

    Args:
        numbers: (N, K) float64, NaN where missing; None for a category.
        texts: String, null where missing, of a category.
        bad: (N,) whether a cell is neither a value of the column's kind nor missing.
    """

    numbers: np.ndarray | None
    texts: pl.Series | None
    bad: np.ndarray

    def of(self, rows: np.ndarray) -> Cells:
        """Return the cells of these rows."""
        numbers = None if self.numbers is None else self.numbers.take(rows, 0)
        texts = None if self.texts is None else self.texts.gather(rows)
        return Cells(numbers, texts, self.bad.take(rows))

    @property
    def missing(self) -> np.ndarray:
        """(N,) whether a cell is missing."""
        if self.numbers is None:
            assert self.texts is not None
            return self.texts.is_null().to_numpy()
        return np.isnan(self.numbers[:, 0]) & ~self.bad


def present(column: pl.Series) -> pl.Series:
    """Return a column with null for what is missing: NaN, empty texts, and texts such as NA."""
    if column.dtype == pl.String:
        missing = column.is_in(list(MISSING))
        return column.set(missing, None) if missing.any() else column
    return column.fill_nan(None) if column.dtype.is_float() and column.is_nan().any() else column


def as_texts(column: pl.Series) -> pl.Series:
    """Return the cells of any column as texts; whole numbers without a fraction, booleans as true and false."""
    if column.dtype.is_float():
        whole = column.is_null() | (column.is_finite() & (column == column.round()) & (column.abs() < 2**53))
        return (column.cast(pl.Int64) if whole.all() else column).cast(pl.String)
    if isinstance(column.dtype, pl.Duration):
        return column.dt.to_string("iso")
    return column if column.dtype == pl.String else column.cast(pl.String, strict=False)


def read_cells(column: pl.Series, kind: str, decimal: str | None = None, form: str = "") -> Cells:
    """Return the cells of a column as values of a kind.

    Args:
        column: as ``Table.column`` gives it.
        kind: ``number``, ``boolean``, ``category`` or ``date``.
        decimal: sign of numbers in texts.
        form: of dates in texts.
    """
    if len(column) > BLOCK and is_read_by_cell(column, kind):
        return _in_blocks(column, kind)
    given = present(column)
    if kind == "category":
        return Cells(None, as_texts(given), np.zeros(len(given), bool))
    if kind == "date":
        dates = given.cast(pl.Datetime("us")) if is_date(given) else _dates(as_texts(given), form)
        bad = (dates.is_null() & given.is_not_null()).to_numpy()
        return Cells(date_numbers(dates), None, bad)
    found = _booleans(given) if kind == "boolean" else _numbers(given, decimal)
    numbers = found.to_numpy() + 0.0  # NaN where null; no negative zero
    bad = np.isinf(numbers)
    if bad.any():
        numbers = np.where(bad, np.nan, numbers)
    if found.null_count() > given.null_count():
        bad |= (found.is_null() & given.is_not_null()).to_numpy()
    return Cells(numbers[:, None], None, bad)


def is_read_by_cell(column: pl.Series, kind: str) -> bool:
    """Return whether each cell becomes numbers without the others; texts show format and decimal sign together."""
    return kind != "category" and column.dtype != pl.String and (kind != "date" or is_date(column))


def _in_blocks(column: pl.Series, kind: str) -> Cells:
    numbers = np.empty((len(column), len(FIELDS) if kind == "date" else 1))
    bad = np.empty(len(column), bool)
    for start in range(0, len(column), BLOCK):
        here = slice(start, start + BLOCK)
        cells = read_cells(column[here], kind)
        numbers[here], bad[here] = cells.numbers, cells.bad
    return Cells(numbers, None, bad)


def is_date(column: pl.Series) -> bool:
    """Return whether the cells of a column are of the type of dates, with or without a time of day."""
    return isinstance(column.dtype, (pl.Date, pl.Datetime))


def _dates(texts: pl.Series, form: str) -> pl.Series:
    """Return texts as dates; where training had no texts, and so no format, those that begin with the year."""
    found = form or date_format(texts) or ""
    return as_dates(texts, found if form or found.startswith("%Y") else "%Y-%m-%d")


def _numbers(given: pl.Series, decimal: str | None) -> pl.Series:
    kind = given.dtype
    if kind == pl.String:
        return read_numbers(given, decimal)[0]
    if isinstance(kind, pl.Duration):
        return given.dt.total_microseconds().cast(pl.Float64) / 1e6
    if isinstance(kind, pl.Time):
        return given.cast(pl.Int64).cast(pl.Float64) / 1e9
    if kind.is_numeric() or kind == pl.Boolean:
        return given.cast(pl.Float64)
    if kind == pl.Null:
        return given.cast(pl.Float64)
    return pl.Series([None] * len(given), dtype=pl.Float64)


def _booleans(given: pl.Series) -> pl.Series:
    if given.dtype != pl.String:
        found = _numbers(given, None)
        return found.set(~found.is_in([0.0, 1.0]).fill_null(True), None)
    words = {**dict.fromkeys((*TRUE, "1"), 1.0), **dict.fromkeys((*FALSE, "0"), 0.0)}
    return given.str.to_lowercase().replace_strict(words, default=None, return_dtype=pl.Float64)


def fitted_column(name: str, kind: str, cells: Cells, form: str, embedded: bool) -> TableColumn:
    """Return how a column is read, by its cells in the training part.

    Args:
        name, kind, form: of the column.
        cells: of the training part.
        embedded: of categories.
    """
    missing = cells.missing
    column = TableColumn(name, kind, indicator=bool(missing.any()), form=form, embedded=embedded)
    if cells.texts is not None:
        counts = Counter(dict(cells.texts.drop_nulls().value_counts().iter_rows()))
        most = MOST["embedding" if embedded else "onehot"]
        kept = sorted(counts, key=lambda one: (-counts[one], one))[:most]
        return replace(column, categories=tuple(sorted(kept)))
    assert cells.numbers is not None
    values = cells.numbers
    if missing.any():
        values = values[~missing]
    if not len(values):
        values = np.zeros((1, cells.numbers.shape[1]))
    fill = np.median(values, 0)
    if missing.any():  # scaled as what the network reads
        values = np.concatenate([values, np.broadcast_to(fill, (int(missing.sum()), len(fill)))])
    mean, scale = mean_and_scale(values)
    return replace(column, fill=tuple(fill.tolist()), mean=tuple(mean.tolist()), scale=tuple(scale.tolist()))


def write_inputs(column: TableColumn, cells: Cells, rows: np.ndarray, out: np.ndarray) -> Counter[str]:
    """Write the inputs that a column gives for some rows, and return its categories that training has not seen.

    Args:
        column: how it is read.
        cells: of all rows; those of ``rows`` have no bad ones.
        rows: (M,) places of rows.
        out: (M, width) float32, written to.
    """
    missing = cells.missing
    if column.indicator:
        out[:, -1] = missing[rows]
    if cells.texts is not None:
        codes, unseen = _codes(cells.texts, column.categories)
        if column.embedded:
            out[:, 0] = codes[rows]
        else:
            for code in range(1, len(column.categories) + 1):
                out[:, code - 1] = (codes == code)[rows]
        return unseen
    assert cells.numbers is not None
    mean, scale = np.array(column.mean), np.array(column.scale)
    fill = np.array(column.fill or column.mean)
    some = missing.any()
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        values = cells.numbers.take(block, 0)
        if some:
            values = np.where(missing[block, None], fill, values)
        values -= mean
        values /= scale
        out[start : start + len(block), : len(mean)] = values
    return Counter()


def _codes(texts: pl.Series, categories: tuple[str, ...]) -> tuple[np.ndarray, Counter[str]]:
    """Return the codes of texts, from 1, 0 where they are missing or unknown, and how often unknown ones occur."""
    if not categories:
        found = pl.Series([0] * len(texts), dtype=pl.Int32)
    else:
        codes = range(1, len(categories) + 1)
        found = texts.replace_strict(list(categories), list(codes), default=0, return_dtype=pl.Int32).fill_null(0)
    unknown = texts.filter((found == 0) & texts.is_not_null())
    return found.to_numpy(), Counter(dict(unknown.value_counts().iter_rows()))
