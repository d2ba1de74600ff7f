"""Constant and decaying schedules: linear, step, multi-step, exponential, polynomial."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field

from lossbook.optim.schedules.schedule import Schedule
from lossbook.optim.schedules.shapes import line, power


@dataclass(eq=False, repr=False)
class Constant(Schedule):
    """The peak learning rate, after the warmup."""

    _: KW_ONLY
    warmup: float = 0.05
    interval: str = field(default="step", init=False)
    frequency: int = field(default=1, init=False)

    def shape(self, time: int) -> float:
        return 1.0


@dataclass(eq=False, repr=False)
class Linear(Schedule):
    """Linear interpolation between two shares of the peak (as ``torch.optim.lr_scheduler.LinearLR``).

    Args:
        start_factor, end_factor: shares of the peak at the start and at the end.
        total_iters: number of intervals from start to end; None: the rest of the run.
    """

    start_factor: float = 1.0
    end_factor: float = 0.0
    total_iters: int | None = None
    _: KW_ONLY
    warmup: float = 0.05

    def shape(self, time: int) -> float:
        return line(self.start_factor, self.end_factor, self.progress(time, self.total_iters))


@dataclass(eq=False, repr=False)
class StepDecay(Schedule):
    """Multiplication by ``gamma`` every ``step_size`` intervals (as ``torch.optim.lr_scheduler.StepLR``).

    Args:
        step_size: below 1 a share of the time after the warmup, from 1 a number of intervals.
        gamma: above 0.
    """

    step_size: float = 0.5
    gamma: float = 0.1
    _: KW_ONLY
    interval: str = "epoch"

    def shape(self, time: int) -> float:
        return float(self.gamma ** (time // self.intervals(self.step_size)))


@dataclass(eq=False, repr=False)
class MultiStep(Schedule):
    """Multiplication by ``gamma`` at each milestone (as ``torch.optim.lr_scheduler.MultiStepLR``).

    Args:
        milestones: increasing; below 1 shares of the time after the warmup, from 1 numbers of intervals.
        gamma: above 0.
    """

    milestones: Sequence[float] = (0.5, 0.75)
    gamma: float = 0.1
    _: KW_ONLY
    interval: str = "epoch"

    def shape(self, time: int) -> float:
        passed = bisect_right([self.intervals(milestone) for milestone in self.milestones], time)
        return float(self.gamma**passed)


@dataclass(eq=False, repr=False)
class Exponential(Schedule):
    """Multiplication by ``gamma`` every interval (as ``torch.optim.lr_scheduler.ExponentialLR``).

    Args:
        gamma: above 0.
    """

    gamma: float = 0.9
    _: KW_ONLY
    interval: str = "epoch"

    def shape(self, time: int) -> float:
        return float(self.gamma**time)


@dataclass(eq=False, repr=False)
class Polynomial(Schedule):
    """Polynomial decay (as ``torch.optim.lr_scheduler.PolynomialLR``, which ends at 0).

    Args:
        power: above 0; 1 is a straight line.
        final: share of the peak at the end.
        total_iters: number of intervals until the end; None: the rest of the run.
    """

    power: float = 2.0
    final: float = 0.0
    total_iters: int | None = None
    _: KW_ONLY
    warmup: float = 0.05

    def shape(self, time: int) -> float:
        return power(1.0, self.final, self.progress(time, self.total_iters), self.power)
