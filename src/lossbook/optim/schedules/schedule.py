"""The base of all schedules: warmup, time in steps or epochs, and setting the rate of every group."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from lossbook.errors import UserError, refuse
from lossbook.optim.schedules.checks import unknown_length
from lossbook.optim.schedules.length import Length


@dataclass(eq=False, repr=False)
class Schedule(LRScheduler, ABC):
    """A learning rate that is each group's peak, ``group["initial_lr"]``, times a factor that depends on the step.

    During the warmup the factor rises linearly to the shape's first value, in steps whatever the interval. Then the
    shape takes over: its own time starts at 0 and lasts for the rest of the run; with an interval of epochs, its first
    epoch begins where the warmup ends. Subclasses define ``shape``. Call ``step`` once after each optimizer step.

    No state is kept for each group, so groups may be added, removed and reordered between saving and resuming. If an
    epoch has another number of steps after resuming, the curve continues from the number of epochs done.

    Args:
        optimizer: its learning rates are the peaks.
        length: of the run.
        warmup: below 1 a share of the run, at least one step; from 1 a number of steps.
        interval: ``step`` or ``epoch``: unit of the shape's time.
        frequency: evaluate the shape every so many intervals, and hold the value in between.

    Raises:
        UserError: the warmup is as long as the run, or the length is needed and unknown.
    """

    optimizer: Optimizer
    length: Length
    _: KW_ONLY
    warmup: float = 0.0
    interval: str = "step"
    frequency: int = 1

    def __post_init__(self) -> None:
        # torch's __init__ is not called: it keeps the peaks in a list, and wraps optimizer.step to check the order
        self.warmup_steps = self._warmup_steps()
        self.last_epoch = 0  # torch's name for the number of steps done
        self.shift = 0  # of the place on the curve against last_epoch, once the steps of an epoch have changed
        self.apply()

    @abstractmethod
    def shape(self, time: int) -> float:
        """Return the share of the peak at a time counted in intervals from 0."""

    def momentum(self, step: int) -> float | None:
        """Return the momentum of a step, or None to leave it alone."""
        return None

    def observe(self, metrics: Mapping[str, float]) -> None:
        """Take note of a validation's metrics by tag; by default they change nothing."""

    def factor_at(self, step: int) -> float:
        """Return the share of the peak at a step, counted from 0."""
        if step < self.warmup_steps:
            return (step + 1) / (self.warmup_steps + 1) * self.shape(0)
        return self.shape(self.time(step))

    def time(self, step: int) -> int:
        """Return the shape's time at a step, in intervals; 0 during the warmup."""
        time = max(0, step - self.warmup_steps)
        if self.interval == "epoch":
            time //= self.length.steps_per_epoch
        return time - time % self.frequency

    def progress(self, time: int, total: int | None = None) -> float:
        """Return the share in [0, 1] of ``total`` intervals, by default of the shape's whole time, that is over."""
        return min(1.0, time / max(1, total or self.span))

    @property
    def place(self) -> int:
        """Position of the next step on the curve, as if all epochs so far had been as long as they are now."""
        return self.last_epoch + self.shift

    @property
    def span(self) -> int:
        """Length of the shape's time: the rest of the run after the warmup, in intervals."""
        if self.length.steps is None:
            raise UserError(unknown_length(type(self).__name__))
        rest = self.length.steps - self.warmup_steps
        return rest if self.interval == "step" else math.ceil(rest / self.length.steps_per_epoch)

    def intervals(self, amount: float) -> float:
        """Return ``amount`` itself from 1, below 1 that share of the shape's time, as a number of intervals above 0."""
        return amount if amount >= 1 else amount * max(1, self.span)

    def step(self, epoch: int | None = None) -> None:
        """Advance by one optimizer step."""
        assert epoch is None
        self.last_epoch += 1
        self.apply()

    def apply(self) -> None:
        """Set the rate, and the momentum where it is cycled, of the next step."""
        factor, momentum = self.factor_at(self.place), self.momentum(self.place)
        for group in self.optimizer.param_groups:
            group["lr"] = group.setdefault("initial_lr", group["lr"]) * factor
            if momentum is None:
                continue
            if "betas" in group:
                group["betas"] = (momentum, *group["betas"][1:])
            elif "momentum" in group:
                group["momentum"] = momentum

    def get_last_lr(self) -> list[Any]:
        """Return the current learning rate of each group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Return the number of steps done, the steps of an epoch, and the shift of the place on the curve."""
        return {"last_epoch": self.last_epoch, "steps_per_epoch": self.length.steps_per_epoch, "shift": self.shift}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a state; every group gets the rate that follows from its own peak."""
        self.last_epoch, self.shift = state_dict["last_epoch"], state_dict.get("shift", 0)
        now = self.length.steps_per_epoch
        before = state_dict.get("steps_per_epoch", now)
        counts_epochs = self.length.by_epochs or (self.length.steps is None and self.interval == "epoch")
        if before != now and counts_epochs:
            self.shift = round(self.place * now / before) - self.last_epoch
        self.apply()

    def _warmup_steps(self) -> int:
        warmup, steps = self.warmup, self.length.steps
        if warmup < 1:
            if warmup and steps is None:
                raise UserError(unknown_length(f"scheduler.warmup={warmup}"))
            asked = bool(warmup) and (steps or 0) > 1
            return max(round(warmup * (steps or 0)), int(asked))  # a warmup that was asked for has a step at least
        if steps is not None and warmup >= steps:
            rule = f"The run has {steps} steps, and the warmup must be shorter."
            raise refuse(f"scheduler.warmup={warmup}", rule, "scheduler.warmup=0.05, a share of the run")
        return int(warmup)
