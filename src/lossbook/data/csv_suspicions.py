"""Notes on suspicious features of a table: constant ones, row numbers, and ones that give the target away."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np

from lossbook.data.csv_faults import listed, quoted
from lossbook.data.scale import mean_and_scale

FEWEST = 10  # rows; in fewer, a match may be due to chance
SAMPLE = 500  # rows that rule out most features, before all rows are checked
IDENTIFIER = re.compile(r"(.*[_ .-])?(id|idx|index|row|uuid|guid|ID|Id|Index|Row)|.*[a-z](Id|ID)")


def suspicions(names: Sequence[str], train: np.ndarray, targets: Sequence[str], y: np.ndarray) -> Iterator[str]:
    """Yield a note for constant features, and for each feature that determines a target.

    Args:
        names: of the F features.
        train: (N, F), the training part.
        targets: names of the targets.
        y: (N,) class indices or (N, W) numbers.
    """
    constant = [name for name, spread in zip(names, np.ptp(train, 0), strict=True) if spread == 0]
    if constant:
        yield f"features that are constant in the training part: {listed(constant)}"
    if len(train) < FEWEST:
        return
    found = determining_classes(train, y) if y.ndim == 1 else proportional(train, y)
    for number, target in found:
        yield f"feature {quoted(names[number])} determines the target {quoted(targets[target])}: does it leak it?"


def row_numbers(names: Sequence[str], values: np.ndarray) -> Iterator[str]:
    """Yield a note for each feature that looks like row numbers or identifiers.

    Args:
        names: of the F features.
        values: (N, F), all rows of a table.
    """
    rows = len(values)
    if rows < FEWEST:
        return
    least, most = values.min(0), values.max(0)
    for number, name in enumerate(names):
        column = values[:, number]
        shuffled = least[number] in (0, 1) and most[number] - least[number] == rows - 1
        numbers = (shuffled or IDENTIFIER.fullmatch(name)) and (column == np.round(column)).all()
        if numbers and len(np.unique(column)) == rows:
            like = "shuffled row numbers" if shuffled else "an identifier"
            yield f"feature {quoted(name)} holds a different whole number in each row, like {like}: is it intended?"


def determining_classes(train: np.ndarray, y: np.ndarray) -> Iterator[tuple[int, int]]:
    """Yield (feature, 0) for features with few distinct values, each of which occurs with a single class."""
    for number, column in enumerate(train.T):
        if _determines(column[:SAMPLE], y[:SAMPLE]) and _determines(column, y):
            yield number, 0


def _determines(column: np.ndarray, y: np.ndarray) -> bool:
    values, which = np.unique(column, return_inverse=True)
    if not 1 < len(values) <= len(y) // 5:
        return False
    return len(np.unique(which * (int(y.max()) + 1) + y)) == len(values)


def proportional(train: np.ndarray, y: np.ndarray) -> Iterator[tuple[int, int]]:
    """Yield (feature, target) where the feature is an affine function of the target."""
    x, y = (_standardised(columns) for columns in (train, y))
    for number, target in np.argwhere(np.abs(x.T @ y) / len(x) > 1 - 1e-10):
        yield int(number), int(target)


def _standardised(columns: np.ndarray) -> np.ndarray:
    mean, scale = mean_and_scale(columns)
    return (columns - mean) / scale
