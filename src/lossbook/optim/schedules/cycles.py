"""Schedules that go up and down, and the momentum the other way."""

from __future__ import annotations

import math

from torch.optim import Optimizer

from lossbook.errors import UserError
from lossbook.optim.schedules.checks import no_momentum
from lossbook.optim.schedules.length import Length
from lossbook.optim.schedules.schedule import Schedule


class Cycling(Schedule):
    """A schedule that may move ``momentum`` (``betas[0]``), whichever a group has, against the learning rate.

    Args:
        cycle_momentum: whether it does.

    Raises:
        UserError: it shall, and no group has either.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        length: Length,
        cycle_momentum: bool,
        warmup: float,
        interval: str,
        frequency: int,
    ) -> None:
        if cycle_momentum and not any({"momentum", "betas"} & group.keys() for group in optimizer.param_groups):
            raise UserError(no_momentum(type(optimizer).__name__))
        self.cycle_momentum = cycle_momentum
        super().__init__(optimizer, length, warmup, interval, frequency)

    def momentum(self, step: int) -> float | None:
        return self.momentum_shape(self.time(step)) if self.cycle_momentum else None

    def momentum_shape(self, time: int) -> float:
        """The momentum at a point of the shape's own time."""
        raise NotImplementedError


class OneCycle(Cycling):
    """Up to the peak and far down, in one cycle (Smith and Topin 2017; ``torch.optim.lr_scheduler.OneCycleLR``).

    Args:
        pct_start: share of the time that the rise takes.
        anneal_strategy: ``cos`` or ``linear``.
        cycle_momentum: while the rate rises, momentum falls from ``max_momentum`` to ``base_momentum``, and back.
        div_factor: the peak over the first rate.
        final_div_factor: the first rate over the last.
        three_phase: rise and fall alike, then down to the last rate.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        length: Length,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float = 0.85,
        max_momentum: float = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        warmup: float = 0.0,
        interval: str = "step",
        frequency: int = 1,
    ) -> None:
        self.pct_start, self.anneal_strategy, self.three_phase = pct_start, anneal_strategy, three_phase
        first = 1 / div_factor
        last = first / final_div_factor
        self.rates = [first, 1.0, first, last] if three_phase else [first, 1.0, last]
        top, low = max_momentum, base_momentum
        self.momenta = [top, low, top, top] if three_phase else [top, low, top]
        super().__init__(optimizer, length, cycle_momentum, warmup, interval, frequency)

    def shape(self, time: int) -> float:
        return self._between(self.rates, time)

    def momentum_shape(self, time: int) -> float:
        return self._between(self.momenta, time)

    def _between(self, corners: list[float], time: int) -> float:
        """Between the corners that a time lies between; after the last one its value."""
        rise = self.pct_start * self.span
        ends = [rise - 1, 2 * rise - 2, self.span - 1] if self.three_phase else [rise - 1, self.span - 1]
        begin = 0.0
        for number, end in enumerate(ends):
            if time <= end and end > begin:
                part = (time - begin) / (end - begin)
                left, right = corners[number], corners[number + 1]
                if self.anneal_strategy == "linear":
                    return (right - left) * part + left
                return right + (left - right) / 2 * (math.cos(math.pi * part) + 1)
            begin = end
        return corners[-1]


class Cyclic(Cycling):
    """Between a low rate and the peak, up and down again and again (Smith 2017; ``torch.optim.lr_scheduler.CyclicLR``).

    Args:
        base_lr: share of the peak that cycles start from, in [0, 1].
        step_size_up: a rise: below 1 a share of the time after the warmup, from 1 on a number of intervals.
        step_size_down: a fall, likewise; None: as many as a rise has.
        mode: ``triangular``, ``triangular2`` (each cycle half as high), ``exp_range`` (times ``gamma`` every interval).
        gamma: of ``exp_range``, above 0.
        cycle_momentum: while the rate rises, momentum falls from ``max_momentum`` to ``base_momentum``, and back.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        length: Length,
        base_lr: float = 0.01,
        step_size_up: float = 0.125,
        step_size_down: float | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        cycle_momentum: bool = True,
        base_momentum: float = 0.8,
        max_momentum: float = 0.9,
        warmup: float = 0.0,
        interval: str = "step",
        frequency: int = 1,
    ) -> None:
        self.base_lr, self.mode, self.gamma = base_lr, mode, gamma
        self.step_size_up = step_size_up
        self.step_size_down = step_size_up if step_size_down is None else step_size_down
        self.base_momentum, self.max_momentum = base_momentum, max_momentum
        super().__init__(optimizer, length, cycle_momentum, warmup, interval, frequency)

    def shape(self, time: int) -> float:
        return self.base_lr + (1 - self.base_lr) * self._height(time)

    def momentum_shape(self, time: int) -> float:
        return self.max_momentum - (self.max_momentum - self.base_momentum) * self._height(time)

    def _height(self, time: int) -> float:
        """From 0 at a cycle's ends to 1 at its top, in the first cycle."""
        up, down = self.intervals(self.step_size_up), self.intervals(self.step_size_down)
        cycle, within = divmod(time, up + down)
        height = within / up if within <= up else (up + down - within) / down
        if self.mode == "triangular2":
            return height / 2.0**cycle
        return height * self.gamma**time if self.mode == "exp_range" else height
