"""Half a cosine down, once or again and again."""

from __future__ import annotations

import math

from torch.optim import Optimizer

from lossbook.optim.schedules.length import Length
from lossbook.optim.schedules.schedule import Schedule


class Cosine(Schedule):
    """Half a cosine down over the rest of the run (Loshchilov and Hutter 2017).

    Args:
        final: share of the peak that is left at the end, in [0, 1].
    """

    def __init__(
        self,
        optimizer: Optimizer,
        length: Length,
        final: float = 0.0,
        warmup: float = 0.05,
        interval: str = "step",
        frequency: int = 1,
    ) -> None:
        self.final = final
        super().__init__(optimizer, length, warmup, interval, frequency)

    def shape(self, time: int) -> float:
        return _half_cosine(min(1.0, time / max(1, self.span)), self.final)


class CosineRestarts(Schedule):
    """Half a cosine down, and from the peak again (as ``torch.optim.lr_scheduler.CosineAnnealingWarmRestarts``).

    Args:
        T_0: the first cycle's length: below 1 a share of the time after the warmup, from 1 on a number of intervals.
        T_mult: how many times as long as the one before each cycle is, a whole number.
        final: share of the peak that is left before each restart, in [0, 1].
    """

    def __init__(
        self,
        optimizer: Optimizer,
        length: Length,
        T_0: float = 0.25,  # noqa: N803
        T_mult: int = 1,  # noqa: N803
        final: float = 0.0,
        warmup: float = 0.0,
        interval: str = "step",
        frequency: int = 1,
    ) -> None:
        self.first, self.times, self.final = T_0, T_mult, final
        super().__init__(optimizer, length, warmup, interval, frequency)

    def shape(self, time: int) -> float:
        within, cycle = float(time), self.intervals(self.first)
        while within >= cycle and self.times > 1:
            within -= cycle
            cycle *= self.times
        return _half_cosine(within % cycle / cycle, self.final)


def _half_cosine(progress: float, final: float) -> float:
    return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * progress))
