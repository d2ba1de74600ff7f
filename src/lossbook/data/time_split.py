"""Dividing samples into consecutive spans of time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lossbook.errors import refuse


def time_split(times: np.ndarray, fractions: Sequence[float]) -> np.ndarray:
    """Return the span of each sample (N,), from 0; spans follow each other in time, and equal times share one.

    Each boundary is the change of times that is nearest to the fractions and leaves a time for every span.

    Args:
        times: (N,) anything that sorts.
        fractions: of the samples in each span; they sum to 1.

    Raises:
        UserError: there are fewer different times than spans.
    """
    different, time, counts = np.unique(times, return_inverse=True, return_counts=True)
    spans = len(fractions)
    if len(different) < spans:
        raise refuse(
            f"The samples to divide into {spans} spans of time have {len(different)} different"
            f" time{'s' * (len(different) != 1)}.",
            "Samples of the same time stay in one part, and each part needs a time.",
            "add samples, use fewer folds, or leave the times out",
        )
    ends = np.cumsum(counts)
    starts = [0]  # of each span, as a place in ``different``
    for number, wanted in enumerate(np.cumsum(fractions)[:-1] * len(times)):
        first, last = starts[-1] + 1, len(different) - (spans - 1 - number)
        starts.append(first + int(np.argmin(np.abs(ends[first - 1 : last] - wanted))))
    return (np.searchsorted(starts, time, side="right") - 1).astype(np.int64)
