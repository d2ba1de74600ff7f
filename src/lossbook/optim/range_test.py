"""The learning-rate range test: which rates it tries, and which one its curve suggests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lossbook.errors import Problem, UserError

WINDOW = 50  # the curve is smoothed over a fiftieth of the steps to either side


@dataclass(frozen=True)
class RangeTest:
    """The learning rates of a range test (Smith 2017, Cyclical Learning Rates for Training Neural Networks).

    Args:
        least, most: the first and the last learning rate, 0 < least < most.
        steps: how many are tried, from 20 on; each is the one before times the same factor.

    Raises:
        UserError: all numbers that are out of range.
    """

    least: float
    most: float
    steps: int

    def __post_init__(self) -> None:
        found = []
        if not 0 < self.least < self.most < math.inf:
            rule = "The learning rate grows from find.min to find.max, both above 0."
            found.append(Problem(f"find.min={self.least:g} find.max={self.most:g}", rule, "find.min=1e-7 find.max=10"))
        if self.steps < 20:
            rule = "With fewer than 20 steps there is no curve to read a learning rate from."
            found.append(Problem(f"find.steps={self.steps}", rule, "find.steps=200"))
        if found:
            raise UserError(*found)

    def rate(self, step: int) -> float:
        """The learning rate of a step, counted from 0; the last one stays."""
        share = min(step, self.steps - 1) / (self.steps - 1)
        return float(self.least * (self.most / self.least) ** share)


@dataclass(frozen=True)
class RangeTestCurve:
    """What a range test measured.

    Args:
        start: loss of the first batch, before any step.
        rates: learning rate of each step.
        losses: loss of the batch that follows each step.
        diverged: whether the loss then rose out of sight.
    """

    start: float
    rates: Sequence[float]
    losses: Sequence[float]
    diverged: bool = False

    def smoothed(self) -> np.ndarray:
        """The losses under a Gaussian window over the logarithm of the rate, which, being centred, shifts nothing."""
        losses, place = np.asarray(self.losses), np.arange(len(self.losses))
        weight = np.exp(-0.5 * ((place[:, None] - place) / self._width) ** 2)
        return weight @ losses / weight.sum(1)

    @property
    def _width(self) -> float:
        return max(1.0, len(self.losses) / WINDOW)

    def suggestion(self) -> Suggestion | None:
        """What the smoothed curve suggests; None where the loss never falls by more than it scatters."""
        smoothed = self.smoothed()
        lowest = int(smoothed.argmin())
        if lowest < 2:
            return None
        # of a batch's loss, from neighbours; the window is a mean of about 2 sqrt(pi) times its width of them
        scatter = 1.05 * float(np.median(np.abs(np.diff(self.losses[: lowest + 1]))))
        left = scatter / math.sqrt(2 * math.sqrt(math.pi) * self._width)
        if smoothed[:lowest].max() - smoothed[lowest] <= 8 * left:  # noise alone spans about 5
            return None
        steepest = self.rates[int(np.gradient(smoothed)[: lowest + 1].argmin())]
        least = self.rates[lowest]
        return Suggestion(_rounded(math.sqrt(steepest * least)), _rounded(steepest), _rounded(least / 10))


@dataclass(frozen=True)
class Suggestion:
    """Learning rates read off a curve, rounded to two digits.

    Args:
        lr: the one to train with: halfway, on the logarithmic axis, between where the loss falls fastest and its
            minimum. It is the peak of a schedule that warms up and ends at 0, so it may exceed ``steepest``.
        steepest: where the smoothed loss falls fastest, today's usual reading. The first fall may be of another kind
            than what follows (a network for CTC first learns to say nothing): alone it is then far too small.
        tenth: a tenth of the one at the minimum, an older rule of thumb.
    """

    lr: float
    steepest: float
    tenth: float


class Watch:
    """Tells when a loss has diverged: its running mean exceeds what it was at first by as much as it had fallen, or
    by half of its size where that is more."""

    def __init__(self) -> None:
        self.first: float | None = None
        self.mean = self.least = 0.0
        self.seen = 0

    def diverged(self, loss: float) -> bool:
        """Whether it has with this loss of the next step."""
        if not math.isfinite(loss):
            return True
        if self.first is None:
            self.first = self.mean = self.least = loss
        self.mean += 0.3 * (loss - self.mean)
        self.least = min(self.least, self.mean)
        self.seen += 1
        return self.seen > 10 and self.mean > self.first + max(self.first - self.least, 0.5 * abs(self.first))


def _rounded(rate: float) -> float:
    return float(f"{rate:.1e}")
