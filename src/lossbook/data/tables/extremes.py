"""Numbers whose differences are lost to rounding, and numbers far outside the range of the training part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from lossbook.data.scale import NEGLIGIBLE, mean_and_scale
from lossbook.data.tables.columns import BLOCK, TableColumn
from lossbook.data.tables.faults import Fault, faults_error, quoted, shortened
from lossbook.data.tables.table import Table, located, shown
from lossbook.errors import Problem

STEPS = 1000  # a standard deviation of the targets spans at least so many float32 values
FARTHEST = 1e9  # standard deviations; refused: not an outlier but another unit (its square still fits in float32)
FAR = 1e4  # standard deviations; noted


def lost_differences(table: Table, name: str, train: np.ndarray) -> Problem | None:
    """Return the problem of a feature whose variation is lost to rounding when its mean is computed; or None.

    Args:
        table: of the training part.
        name: of the column.
        train: (N,), the training part.
    """
    if not len(train):
        return None
    largest = np.abs(train).max()
    if np.ptp(train) <= 4 * np.spacing(largest) or mean_and_scale(train[:, None])[1][0] != 1:
        return None
    deviation = train.std()
    if deviation > NEGLIGIBLE * largest:
        return None
    return Problem(
        f"{table.path}: column {shown(name)} holds numbers up to {largest:g} with a standard deviation of"
        f" {deviation:g}",
        "Its mean is computed in float64, which has about sixteen digits: the differences are lost.",
        "subtract an offset from the column",
    )


def unfit_targets(table: Table, names: Sequence[str], train: np.ndarray, kind: str) -> Iterator[Problem]:
    """Yield the targets that are constant in the training part, or would be when rounded to float32.

    Args:
        table: of the training part.
        names: of the W columns.
        train: (N, W), the training part.
        kind: ``value``, ``count`` or ``multilabel``.
    """
    if kind == "multilabel":
        if not np.ptp(train, 0).any():
            rule = "Constant labels cannot be learned."
            yield Problem(f"{table.path}: every label is the same in all rows", rule, "data.target_columns=[ANOTHER]")
        return
    for name, column in zip(names, train.T, strict=True):
        where = f"{table.path}: column {shown(name)}"
        if kind == "value" and np.ptp(column) == 0:
            yield Problem(
                f"{where} is {column[0]:g} in every row of the training part",
                "A constant target cannot be learned.",
                "data.target_columns=[ANOTHER]",
            )
        step = np.spacing(np.abs(column).max().astype(np.float32))
        if np.ptp(column) and not step * STEPS <= column.std():
            yield Problem(
                f"{where} holds numbers up to {np.abs(column).max():g} with a standard deviation of {column.std():g}",
                f"Training uses float32, which has about seven digits: here it resolves steps of {step:g}.",
                "subtract an offset from the column, or divide it",
            )


def outliers(
    tables: Sequence[Table], name: str, rows: np.ndarray, deviations: np.ndarray, mean: float, scale: float
) -> tuple[list[Fault], list[str]]:
    """Return the cells too far from the training part's mean to be accepted, and a note on less extreme ones.

    Args:
        tables: that hold the rows.
        name: of the column.
        rows: (M,) places of rows, counted over all tables in turn.
        deviations: (M,) of their cells, in standard deviations.
        mean, scale: of the training part.
    """
    sizes = np.abs(deviations)
    most = sizes.max(initial=0.0)
    if most <= FAR:
        return [], []
    if most <= FARTHEST:
        table, row = located(tables, int(rows[sizes.argmax()]))
        cell = quoted(table.cell(name, row).strip())
        note = (
            f"{table.where(row)}: {shown(name)} is {cell}, {most:,.0f} standard deviations of the training part from"
            " its mean"
        )
        return [], [note]
    by_table: dict[int, list[int]] = {}
    for place in np.sort(rows[sizes > FARTHEST])[:10_000].tolist():
        table, row = located(tables, place)
        by_table.setdefault([*map(id, tables)].index(id(table)), []).append(row)
    rule = f"In the training part its mean is {mean:g} and its standard deviation {scale:g}."
    fix = "correct it or delete the row"
    return [tables[number].fault(name, np.array(found), rule, fix) for number, found in by_table.items()], []


def far_features(
    tables: Sequence[Table], columns: Sequence[TableColumn], rows: np.ndarray, inputs: np.ndarray
) -> list[str]:
    """Return notes on numbers far outside the range of the training part.

    Args:
        tables: that hold the rows.
        columns: how they are read.
        rows: (M,) places of rows, counted over all tables in turn.
        inputs: (M, F) that they give.

    Raises:
        UserError: some are so far outside that they must be in another unit.
    """
    largest = np.zeros(inputs.shape[1])
    step = max(1, BLOCK // inputs.shape[1])
    for start in range(0, len(inputs), step):
        np.maximum(largest, np.abs(inputs[start : start + step]).max(0), out=largest)
    found, start = [], 0
    for column in columns:
        if column.kind == "number" and not largest[start] <= FAR:
            found.append(outliers(tables, column.name, rows, inputs[:, start], column.mean[0], column.scale[0]))
        start += column.width
    return _notes(found)


def far_targets(
    tables: Sequence[Table],
    names: Sequence[str],
    rows: np.ndarray,
    values: np.ndarray,
    mean: Sequence[float] | np.ndarray,
    scale: Sequence[float] | np.ndarray,
) -> list[str]:
    """Return notes on targets far outside the range of the training part.

    Args:
        tables, rows: as in ``far_features``.
        names: of the W columns.
        values: (N, W) of all rows of the tables.
        mean, scale: (W,) of the training part.

    Raises:
        UserError: some are so far outside that they must be in another unit.
    """
    found = []
    for name, column, center, unit in zip(names, values.T, mean, scale, strict=True):
        blocks = (rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK))
        if not all(np.abs((column[block] - center) / unit).max() <= FAR for block in blocks):
            found.append(outliers(tables, name, rows, (column[rows] - center) / unit, center, unit))
    return _notes(found)


def _notes(found: Iterable[tuple[list[Fault], list[str]]]) -> list[str]:
    faults, notes = [], []
    for wrong, said in found:
        faults += wrong
        notes += said
    if faults:
        raise faults_error(faults)
    return shortened(notes)
