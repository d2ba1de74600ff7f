"""What all schedules have in common: a warmup, the schedule's own time, and how it reaches every group."""

from __future__ import annotations

import math
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from lossbook.errors import UserError, refuse
from lossbook.optim.schedules.checks import unknown_length
from lossbook.optim.schedules.length import Length


class Schedule(LRScheduler):
    """The learning rate of every group is its peak, ``group["initial_lr"]``, times a factor of the step.

    First the warmup: a linear rise to the shape's first value, in steps whatever the interval. Then the shape, whose
    own time starts at 0 and has the rest of the run: with an interval of epochs, its first epoch begins where the
    warmup ends. Subclasses give ``shape``. To be stepped once after each step of the optimizer.

    Nothing is kept for each group, so that groups may come, go and change place between a checkpoint and its resuming.
    Where epochs have another number of steps from then on, the curve goes on from the number of epochs done.

    Args:
        optimizer: whose learning rates are the peaks.
        length: of the run.
        warmup: below 1 a share of the run, at least a step of it; from 1 on a number of steps.
        interval: ``step`` or ``epoch``: what the shape's time is counted in.
        frequency: the shape is looked at every so many intervals, and held in between.

    Raises:
        UserError: the warmup is as long as the run, or a length is needed and unknown.
    """

    def __init__(
        self, optimizer: Optimizer, length: Length, warmup: float = 0.0, interval: str = "step", frequency: int = 1
    ) -> None:
        # torch's own would keep the peaks in a list, and wrap the optimizer's step to see who comes first
        self.optimizer, self.length = optimizer, length
        self.interval, self.frequency = interval, frequency
        self.rise = self._rise(warmup)
        self.last_epoch = 0  # torch's name for the number of steps that were made
        self.shift = 0  # of the place on the curve against it: epochs had another number of steps once
        self.apply()

    def shape(self, time: int) -> float:
        """The share of the peak at a point of the shape's own time, in intervals from 0 on."""
        raise NotImplementedError

    def momentum(self, step: int) -> float | None:
        """The momentum that goes with a step; None: it stays as it is."""
        return None

    def factor(self, step: int) -> float:
        """The share of the peak at a step, counted from 0."""
        if step < self.rise:
            return (step + 1) / (self.rise + 1) * self.shape(0)
        return self.shape(self.time(step))

    def time(self, step: int) -> int:
        """The shape's own time at a step, in intervals; 0 during the warmup."""
        time = max(0, step - self.rise)
        if self.interval == "epoch":
            time //= self.length.steps_per_epoch
        return time - time % self.frequency

    @property
    def place(self) -> int:
        """The step on the curve that comes next, counted as if every epoch so far had been as long as they are now."""
        return self.last_epoch + self.shift

    @property
    def span(self) -> int:
        """How much time the shape has: the rest of the run after the warmup, in intervals."""
        if self.length.steps is None:
            raise UserError(unknown_length(type(self).__name__))
        rest = self.length.steps - self.rise
        return rest if self.interval == "step" else math.ceil(rest / self.length.steps_per_epoch)

    def intervals(self, amount: float) -> float:
        """How many intervals: ``amount`` itself from 1 on, below 1 that share of the shape's time; above 0."""
        return amount if amount >= 1 else amount * max(1, self.span)

    def step(self, epoch: int | None = None) -> None:
        """Go on by one step of the optimizer."""
        assert epoch is None
        self.last_epoch += 1
        self.apply()

    def apply(self) -> None:
        """Set the rate, and where it is cycled the momentum, of the step that comes next."""
        factor, momentum = self.factor(self.place), self.momentum(self.place)
        for group in self.optimizer.param_groups:
            group["lr"] = group.setdefault("initial_lr", group["lr"]) * factor
            if momentum is None:
                continue
            if "betas" in group:
                group["betas"] = (momentum, *group["betas"][1:])
            elif "momentum" in group:
                group["momentum"] = momentum

    def get_last_lr(self) -> list[Any]:
        """The present learning rate of each group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """The number of steps made, that of an epoch, and how far the place on the curve is from them."""
        return {"last_epoch": self.last_epoch, "steps_per_epoch": self.length.steps_per_epoch, "shift": self.shift}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from there; every group gets the rate that its own peak has at that step."""
        self.last_epoch, self.shift = state_dict["last_epoch"], state_dict.get("shift", 0)
        now = self.length.steps_per_epoch
        before = state_dict.get("steps_per_epoch", now)
        counts_epochs = self.length.by_epochs or (self.length.steps is None and self.interval == "epoch")
        if before != now and counts_epochs:
            self.shift = round(self.place * now / before) - self.last_epoch
        self.apply()

    def _rise(self, warmup: float) -> int:
        if warmup < 1:
            if warmup and self.length.steps is None:
                raise UserError(unknown_length(f"scheduler.warmup={warmup}"))
            steps = self.length.steps or 0
            return max(round(warmup * steps), 1 if warmup and steps > 1 else 0)  # who asks for one gets one
        if self.length.steps is not None and warmup >= self.length.steps:
            rule = f"The whole run has {self.length.steps} steps, and the warmup must be shorter."
            raise refuse(f"scheduler.warmup={warmup}", rule, "scheduler.warmup=0.05, a share of the run")
        return int(warmup)
