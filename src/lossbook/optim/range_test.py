"""The learning rate range test: the rates to try, and the rate that the resulting curve suggests."""

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
        steps: number of rates, at least 20, at equal distances on a logarithmic scale.

    Raises:
        UserError: for all numbers out of range.
    """

    least: float
    most: float
    steps: int

    def __post_init__(self) -> None:
        found = []
        if not 0 < self.least < self.most < math.inf:
            rule = "The learning rate grows from find.min to find.max, which must be above 0 and increasing."
            found.append(Problem(f"find.min={self.least:g} find.max={self.most:g}", rule, "find.min=1e-7 find.max=10"))
        if self.steps < 20:
            rule = "It must be at least 20, for a curve that suggests a learning rate."
            found.append(Problem(f"find.steps={self.steps}", rule, "find.steps=200"))
        if found:
            raise UserError(*found)

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0; after the last step it stays constant."""
        share = min(step, self.steps - 1) / (self.steps - 1)
        return float(self.least * (self.most / self.least) ** share)


@dataclass(frozen=True)
class RangeTestCurve:
    """The result of a range test.

    Args:
        start: loss of the first batch, before any step.
        rates: learning rate of each step.
        losses: loss of the batch after each step.
        diverged: whether the loss diverged in the end.
    """

    start: float
    rates: Sequence[float]
    losses: Sequence[float]
    diverged: bool = False

    def smoothed(self) -> np.ndarray:
        """Return the losses smoothed by a Gaussian window over the logarithm of the rate, centred to avoid a shift."""
        losses, place = np.asarray(self.losses), np.arange(len(self.losses))
        weight = np.exp(-0.5 * ((place[:, None] - place) / self._width) ** 2)
        return weight @ losses / weight.sum(1)

    @property
    def _width(self) -> float:
        return max(1.0, len(self.losses) / WINDOW)

    def suggestion(self) -> Suggestion | None:
        """Return the rates that the smoothed curve suggests; None where the loss never falls by more than its noise."""
        smoothed = self.smoothed()
        lowest = int(smoothed.argmin())
        if lowest < 2:
            return None
        # the noise of a batch's loss, from neighbours; the window averages about 2 sqrt(pi) times its width of them
        noise = 1.05 * float(np.median(np.abs(np.diff(self.losses[: lowest + 1]))))
        smoothed_noise = noise / math.sqrt(2 * math.sqrt(math.pi) * self._width)
        if smoothed[:lowest].max() - smoothed[lowest] <= 8 * smoothed_noise:  # pure noise spans about 5
            return None
        steepest = self.rates[int(np.gradient(smoothed)[: lowest + 1].argmin())]
        least = self.rates[lowest]
        return Suggestion(_rounded(math.sqrt(steepest * least)), _rounded(steepest), _rounded(least / 10))


@dataclass(frozen=True)
class Suggestion:
    """Learning rates suggested by a curve, rounded to two digits.

    Args:
        lr: the rate to train with: the geometric mean of the rates where the loss falls fastest and where it is lowest.
            It is meant as the peak of a schedule with a warmup and an end at 0, so it may exceed ``steepest``.
        steepest: where the smoothed loss falls fastest, the most common rule. It can be far too small, if the loss
            first falls for another reason than later (a network for CTC first learns to output blanks).
        tenth: a tenth of the rate at the minimum, an older rule of thumb.
    """

    lr: float
    steepest: float
    tenth: float


class Watch:
    """Detects divergence: the running mean of the loss exceeds its initial value by as much as it had fallen below it,
    or by half of that value where that is more."""

    def __init__(self) -> None:
        self.first: float | None = None
        self.mean = self.least = 0.0
        self.seen = 0

    def diverged(self, loss: float) -> bool:
        """Return whether the loss has diverged, given the loss of the next step."""
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
