"""Schedules that stay or go down: constant, linear, by steps, exponential, polynomial."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from torch.optim import Optimizer

from lossbook.optim.schedules.length import Length
from lossbook.optim.schedules.schedule import Schedule


class Constant(Schedule):
    """The peak, after the warmup."""

    def __init__(self, optimizer: Optimizer, length: Length, warmup: float = 0.05) -> None:
        super().__init__(optimizer, length, warmup)

    def shape(self, time: int) -> float:
        return 1.0


class Linear(Schedule):
    """A straight line (as ``torch.optim.lr_scheduler.LinearLR``).

    Args:
        start_factor, end_factor: shares of the peak at its two ends.
        total_iters: intervals that it takes; None: the rest of the run.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        length: Length,
        start_factor: float = 1.0,
        end_factor: float = 0.0,
        total_iters: int | None = None,
        warmup: float = 0.05,
        interval: str = "step",
        frequency: int = 1,
    ) -> None:
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer, length, warmup, interval, frequency)

    def shape(self, time: int) -> float:
        progress = min(1.0, time / max(1, self.total_iters or self.span))
        return self.start_factor + (self.end_factor - self.start_factor) * progress


class Step(Schedule):
    """Times ``gamma`` every ``step_size`` intervals (as ``torch.optim.lr_scheduler.StepLR``).

    Args:
        step_size: below 1 a share of the time after the warmup, from 1 on a number of intervals.
        gamma: above 0.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        length: Length,
        step_size: float = 0.5,
        gamma: float = 0.1,
        warmup: float = 0.0,
        interval: str = "epoch",
        frequency: int = 1,
    ) -> None:
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, length, warmup, interval, frequency)

    def shape(self, time: int) -> float:
        return float(self.gamma ** (time // self.intervals(self.step_size)))


class MultiStep(Schedule):
    """Times ``gamma`` at each milestone (as ``torch.optim.lr_scheduler.MultiStepLR``).

    Args:
        milestones: increasing; below 1 shares of the time after the warmup, from 1 on numbers of intervals.
        gamma: above 0.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        length: Length,
        milestones: Sequence[float] = (0.5, 0.75),
        gamma: float = 0.1,
        warmup: float = 0.0,
        interval: str = "epoch",
        frequency: int = 1,
    ) -> None:
        self.milestones, self.gamma = milestones, gamma
        super().__init__(optimizer, length, warmup, interval, frequency)

    def shape(self, time: int) -> float:
        passed = bisect_right([self.intervals(milestone) for milestone in self.milestones], time)
        return float(self.gamma**passed)


class Exponential(Schedule):
    """Times ``gamma`` every interval (as ``torch.optim.lr_scheduler.ExponentialLR``).

    Args:
        gamma: above 0.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        length: Length,
        gamma: float = 0.9,
        warmup: float = 0.0,
        interval: str = "epoch",
        frequency: int = 1,
    ) -> None:
        self.gamma = gamma
        super().__init__(optimizer, length, warmup, interval, frequency)

    def shape(self, time: int) -> float:
        return float(self.gamma**time)


class Polynomial(Schedule):
    """A power of the time that is left (as ``torch.optim.lr_scheduler.PolynomialLR``, which ends at 0).

    Args:
        power: above 0; 1 is a straight line.
        final: share of the peak that is left at the end.
        total_iters: intervals that it takes; None: the rest of the run.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        length: Length,
        power: float = 2.0,
        final: float = 0.0,
        total_iters: int | None = None,
        warmup: float = 0.05,
        interval: str = "step",
        frequency: int = 1,
    ) -> None:
        self.power, self.final, self.total_iters = power, final, total_iters
        super().__init__(optimizer, length, warmup, interval, frequency)

    def shape(self, time: int) -> float:
        left = max(0.0, 1 - time / max(1, self.total_iters or self.span))
        return float(self.final + (1 - self.final) * left**self.power)
