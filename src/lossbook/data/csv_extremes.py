"""Numbers that standardising would lose, or throw far out of what was trained on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from lossbook.data.csv_faults import Fault, quoted
from lossbook.data.csv_table import Table
from lossbook.data.scale import NEGLIGIBLE, mean_and_scale
from lossbook.errors import Problem

STEPS = 1000  # of float32 at least in a standard deviation of the targets
FARTHEST = 1e9  # standard deviations: no outlier, but another unit; its square is still far within float32
FAR = 1e4  # said


def lost_features(table: Table, names: Sequence[str], train: np.ndarray) -> Iterator[Problem]:
    """Features that vary by less than the digits in which their mean is computed.

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
                f" with a deviation of {deviation:g}",
                "Its mean is computed in float64, which holds about sixteen digits: the differences are lost.",
                "subtract an offset from the column",
            )


def unfit_targets(table: Table, names: Sequence[str], train: np.ndarray, kind: str) -> Iterator[Problem]:
    """Training targets that never change, or would not as the float32 that they are trained in.

    Args:
        table: of the training part.
        names: of the W columns.
        train: (N, W), the training part.
        kind: ``value``, ``count`` or ``multilabel``.
    """
    if kind == "multilabel":
        if not np.ptp(train, 0).any():
            rule = "Labels that never change cannot be learnt."
            yield Problem(f"{table.path}: every label is the same in all rows", rule, "data.target_columns=[ANOTHER]")
        return
    for name, column in zip(names, train.T, strict=True):
        where = f"{table.path}: column {quoted(name)[1:-1]}"
        if kind == "value" and np.ptp(column) == 0:
            yield Problem(
                f"{where} is {column[0]:g} in every row of the training part",
                "A target that never changes cannot be learnt.",
                "data.target_columns=[ANOTHER]",
            )
        step = np.spacing(np.abs(column).max().astype(np.float32))
        if np.ptp(column) and not step * STEPS <= column.std():
            yield Problem(
                f"{where} holds numbers up to {np.abs(column).max():g} with a deviation of {column.std():g}",
                f"Training is in float32, which holds about seven digits: here its steps are {step:g}.",
                "subtract an offset from the column, or divide it",
            )


def distant(
    table: Table, names: Sequence[str], values: np.ndarray, mean: np.ndarray, scale: np.ndarray
) -> tuple[list[Fault], list[str]]:
    """Cells that are no more of the size of the training part: those that are refused, and what is said of others.

    Args:
        table: all of whose rows are looked at.
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
            rule = f"In the training part it is about {mean[number]:g}, give or take {scale[number]:g}."
            first = quoted(table.cells(names[number])[rows[0]])
            faults.append(Fault(table.path, lines, f"{name} is {first}", rule, "correct it or delete the row"))
        else:
            notes.append(
                f"{table.path} line {table.lines[row]}: {name} is {cell}, {column[row]:,.0f} standard deviations of"
                " the training part from its mean"
            )
    return faults, notes
