"""Cosine annealing, with and without warm restarts."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

from lossbook.optim.schedules.schedule import Schedule
from lossbook.optim.schedules.shapes import half_cosine


@dataclass(eq=False, repr=False)
class Cosine(Schedule):
    """Cosine annealing over the rest of the run (Loshchilov and Hutter 2017).

    Args:
        final: share of the peak at the end, in [0, 1].
    """

    final: float = 0.0
    _: KW_ONLY
    warmup: float = 0.05

    def shape(self, time: int) -> float:
        return half_cosine(1.0, self.final, self.progress(time))


@dataclass(eq=False, repr=False)
class CosineRestarts(Schedule):
    """Cosine annealing with warm restarts (as ``torch.optim.lr_scheduler.CosineAnnealingWarmRestarts``).

    Args:
        T_0: length of the first cycle: below 1 a share of the time after the warmup, from 1 a number of intervals.
        T_mult: factor by which each cycle is longer than the previous one, a whole number.
        final: share of the peak just before each restart, in [0, 1].
    """

    T_0: float = 0.25
    T_mult: int = 1
    final: float = 0.0

    def shape(self, time: int) -> float:
        within, cycle = float(time), self.intervals(self.T_0)
        while within >= cycle and self.T_mult > 1:
            within -= cycle
            cycle *= self.T_mult
        return half_cosine(1.0, self.final, within % cycle / cycle)
