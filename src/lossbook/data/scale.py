"""Mean and standard deviation of columns of numbers."""

from __future__ import annotations

import numpy as np

NEGLIGIBLE = 1e-12  # of a column's largest number: a deviation of rounding alone


def mean_and_scale(columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and population standard deviation of each column of (N, F); 1 where a column does not vary.

    Columns are brought to the size of 1 by a power of two, which changes no digit: squares of 1e200 would overflow.
    """
    size = np.frexp(np.abs(columns).max(0, initial=0.0))[1]
    columns = np.ldexp(columns, -size)
    mean, scale = columns.mean(0), columns.std(0)
    varies = scale > NEGLIGIBLE * np.abs(columns).max(0, initial=0.0)
    return np.ldexp(mean, size), np.where(varies, np.ldexp(scale, size), 1.0)
