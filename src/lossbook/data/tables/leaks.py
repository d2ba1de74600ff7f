"""Features that give the target away: that repeat it, determine it, or nearly do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lossbook.data.scale import mean_and_scale
from lossbook.data.tables.columns import Cells
from lossbook.data.tables.faults import quoted

FEWEST = 10  # rows; in fewer, a match may be due to chance
ORDERED = 50  # rows; in fewer, that a threshold divides the classes may be due to chance
LOOKED_AT = 20_000  # rows
NEARLY = 0.99  # of the rows whose class follows from the feature, or correlation with the target
CHANCE = 0.1  # of the errors of the most frequent class that may remain


def leak(name: str, cells: Cells, rows: np.ndarray, targets: Sequence[str], y: np.ndarray) -> str | None:
    """Return a note on a feature that gives a target away; None where it does not.

    Args:
        name: of the feature.
        cells: of all rows.
        rows: of the training part, in random order.
        targets: names of the targets.
        y: (N,) class indices or (N, W) numbers, of the training part.
    """
    rows, y = rows[:LOOKED_AT], y[:LOOKED_AT]
    if len(rows) < FEWEST:
        return None
    if cells.texts is not None:
        values = np.unique(cells.texts.gather(rows).fill_null("").to_numpy(), return_inverse=True)[1].astype(float)
    else:
        assert cells.numbers is not None
        values = np.nan_to_num(cells.numbers[rows, 0], nan=np.nanmin(cells.numbers[rows, 0], initial=0.0) - 1)
    columns = y[:, None] if y.ndim == 1 else y
    for target, column in zip(targets, columns.T, strict=False):
        how = _of_classes(values, column) if y.ndim == 1 else _of_numbers(values, column, cells.texts is None)
        if how:
            fix = f'"data.columns={{{name}: leave_out}}" leaves it out'
            return f"feature {quoted(name)} {how} the target {quoted(target)}: does it leak it? {fix}"
    return None


def _of_classes(values: np.ndarray, y: np.ndarray) -> str | None:
    """Return how a feature relates to classes: ``determines``, ``nearly determines``, or None."""
    classes = np.unique(y, return_inverse=True)[1]
    if classes.max() == 0:
        return None
    distinct, which = np.unique(values, return_inverse=True)
    if 1 < len(distinct) <= len(y) // 5:
        table = np.zeros((len(distinct), classes.max() + 1), np.int64)
        np.add.at(table, (which, classes), 1)
        wrong, chance = len(y) - table.max(1).sum(), len(y) - table.sum(0).max()
        if wrong == 0:
            return "determines"
        if wrong <= min((1 - NEARLY) * len(y), CHANCE * chance):
            return "nearly determines"
    elif len(distinct) > 1 and len(y) >= ORDERED:
        order = np.lexsort((classes, values))
        changes = int((np.diff(classes[order]) != 0).sum())
        if changes == classes.max() and np.bincount(classes).min() >= FEWEST:
            return "determines, by a threshold,"
    return None


def _of_numbers(values: np.ndarray, y: np.ndarray, ordered: bool) -> str | None:
    """Return how a feature relates to numbers: ``determines``, ``nearly determines``, or None."""
    if np.ptp(y) == 0 or np.ptp(values) == 0:
        return None
    if ordered:
        linear = abs(_correlation(values, y))
        if linear > 1 - 1e-10:
            return "determines"
        if linear > 0.999 or abs(_correlation(_ranks(values), _ranks(y))) > 0.9999:
            return "nearly determines"
    distinct, which = np.unique(values, return_inverse=True)
    if not 1 < len(distinct) <= len(y) // 5:
        return None
    sizes = np.bincount(which)
    (y,) = _standardised(y[:, None]).T
    within = float(((y - (np.bincount(which, y) / sizes)[which]) ** 2).mean())
    return "determines" if within < 1e-12 else "nearly determines" if within < 1e-3 else None


def _correlation(x: np.ndarray, y: np.ndarray) -> float:
    both = _standardised(np.stack([x, y], 1))
    return float((both[:, 0] * both[:, 1]).mean())


def _ranks(values: np.ndarray) -> np.ndarray:
    """Return average ranks."""
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - counts / 2)[which]


def _standardised(columns: np.ndarray) -> np.ndarray:
    mean, scale = mean_and_scale(columns)
    return (columns - mean) / scale
