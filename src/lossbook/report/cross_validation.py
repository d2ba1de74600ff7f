"""Cross-validation: what the folds of a configuration say together.

Training parts of different folds overlap, so that their results are not independent, and the usual t interval is too
narrow. The corrected resampled t-test of Nadeau and Bengio (Inference for the generalization error, Machine Learning
52, 2003) adds the ratio of tested to training samples to the variance of the mean.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from lossbook.data.split import FRACTIONS
from lossbook.losses.rules import look_up
from lossbook.report.settings import Configured, value_of

METHOD = "corrected resampled t-test of Nadeau and Bengio, 2003"
_LEVEL = 0.95


def fold_of(run: Configured) -> str:
    """Return which fold a run was tested on, as one types it; empty without folds."""
    return value_of(run, "data.fold") if value_of(run, "data.folds") not in ("", "null") else ""


def tested_over_trained(runs: Sequence[Configured], part: str) -> float:
    """Return how many samples of ``val`` or ``test`` there are to one of ``train``, as a mean over the folds.

    Args:
        runs: of the folds of one configuration.
        part: ``val`` or ``test``.
    """
    return statistics.fmean(_ratio(run, part) for run in runs)


def _ratio(run: Configured, part: str) -> float:
    folds = int(value_of(run, "data.folds"))
    (_, given), (_, times) = look_up(run.config, "data.fractions"), look_up(run.config, "data.time_column")
    train, val, _ = FRACTIONS if given is None else given
    if part == "val":
        return float(val / train)
    # in time, k + 1 spans come before the span that fold k is tested on
    others = int(fold_of(run) or 0) + 1 if times is not None else folds - 1
    return float((train + val) / train / others)


def half_width(values: Sequence[float], ratio: float) -> float | None:
    """Return half of the corrected 95 % interval of the mean over folds; None for a single fold.

    Args:
        values: one a fold.
        ratio: of tested to training samples.
    """
    from scipy.special import stdtrit

    if len(values) < 2:
        return None
    error = statistics.stdev(values) * math.sqrt(1 / len(values) + ratio)
    return float(stdtrit(len(values) - 1, (1 + _LEVEL) / 2)) * error


def paired_chance(differences: Sequence[float], ratio: float) -> float:
    """Return the two-sided p-value of the differences of two configurations on the same folds; 1 for a single fold.

    Args:
        differences: one a fold.
        ratio: of tested to training samples.
    """
    from scipy.special import stdtr

    if len(differences) < 2:
        return 1.0
    mean = abs(statistics.fmean(differences))
    error = statistics.stdev(differences) * math.sqrt(1 / len(differences) + ratio)
    if not error:
        return 1.0 if mean == 0 else 0.0
    return float(2 * stdtr(len(differences) - 1, -mean / error))
