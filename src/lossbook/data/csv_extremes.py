"""Numbers whose differences are lost to rounding, and numbers far outside the range of the training part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from lossbook.data.csv_faults import Fault, quoted
from lossbook.data.csv_table import Table
from lossbook.data.scale import NEGLIGIBLE, mean_and_scale
from lossbook.errors import Problem

STEPS = 1000  # a standard deviation of the targets spans at least so many float32 values
FARTHEST = 1e9  # standard deviations; refused: not an outlier but another unit (its square still fits in float32)
FAR = 1e4  # standard deviations; noted


def lost_features(table: Table, names: Sequence[str], train: np.ndarray) -> Iterator[Problem]:
    """Yield the features whose variation is lost to rounding when their mean is computed.

    Args:
        table: of the training part.
        names: of the F columns.
        train: (N, F), the training part.
    """
    largest, spread = np.abs(train).max(0), np.ptp(train, 0)
    _, scale = mean_and_scale(train)
    for number in np.flatnonzero((spread > 4 * np.spacing(largest)) & (scale == 1)).tolist():
        deviation = train[:, number].std()
        if deviation <= NEGLIGIBLE * largest[number]:
            yield Problem(
                f"{table.path}: column {quoted(names[number])[1:-1]} holds numbers up to {largest[number]:g}"
                f" with a standard deviation of {deviation:g}",
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
        where = f"{table.path}: column {quoted(name)[1:-1]}"
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
    table: Table, names: Sequence[str], values: np.ndarray, mean: np.ndarray, scale: np.ndarray
) -> tuple[list[Fault], list[str]]:
    """Return the cells too far from the training part's mean to be accepted, and notes on less extreme ones.

    Args:
        table: of which all rows are checked.
        names: of the C columns.
        values: (N, C), of the table.
        mean, scale: (C,), of the training part.
    """
    deviations = np.abs(values - mean) / scale
    faults, notes = [], []
    for number in np.flatnonzero(deviations.max(0, initial=0.0) > FAR).tolist():
        name, column = quoted(names[number])[1:-1], deviations[:, number]
        row = int(column.argmax())
        cell = quoted(table.cells(names[number])[row])
        if column[row] > FARTHEST:
            rows = np.flatnonzero(column > FARTHEST)
            lines = [table.lines[row] for row in rows]
            rule = f"In the training part its mean is {mean[number]:g} and its standard deviation {scale[number]:g}."
            first = quoted(table.cells(names[number])[rows[0]])
            faults.append(Fault(table.path, lines, f"{name} is {first}", rule, "correct it or delete the row"))
        else:
            notes.append(
                f"{table.path} line {table.lines[row]}: {name} is {cell}, {column[row]:,.0f} standard deviations of"
                " the training part from its mean"
            )
    return faults, notes
