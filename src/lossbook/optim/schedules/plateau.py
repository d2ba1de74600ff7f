"""Reduce the learning rate when a metric of validation has stopped improving."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lossbook.errors import nearest, refuse
from lossbook.optim.schedules.schedule import Schedule

_STATE = ("scale", "best", "bad", "cooling", "validations")


@dataclass(eq=False, repr=False)
class Plateau(Schedule):
    """Multiplication by ``factor`` after more than ``patience`` validations without improvement.

    As torch's ``ReduceLROnPlateau``, but ``observe`` is called before a checkpoint is written, so that the checkpoint
    holds the outcome (Lightning steps torch's class afterwards). Validations during the warmup do not count.

    Args:
        monitor: tag of the metric, such as ``val/loss``.
        mode: ``min`` or ``max``, whichever of its values is best.
        factor: in (0, 1).
        patience: number of validations without improvement that are tolerated.
        threshold: margin of an improvement, relative to the best value (``threshold_mode="rel"``) or absolute
            (``"abs"``).
        cooldown: number of validations after a reduction that do not count as bad.
        min_lr: lower bound, as a share of the peak.
        frequency: every so many validations one counts.
    """

    monitor: str = "val/loss"
    mode: str = "min"
    factor: float = 0.5
    patience: int = 2
    threshold: float = 1e-4
    threshold_mode: str = "rel"
    cooldown: int = 0
    min_lr: float = 0.0
    interval: str = field(default="step", init=False)

    def __post_init__(self) -> None:
        self.scale = 1.0
        self.best = math.inf if self.mode == "min" else -math.inf
        self.bad = 0  # consecutive validations without improvement
        self.cooling = 0  # validations left of the cooldown
        self.validations = 0
        super().__post_init__()

    def shape(self, time: int) -> float:
        return self.scale

    def observe(self, metrics: Mapping[str, float]) -> None:
        """Take note of a validation's metrics by tag.

        Raises:
            UserError: the monitored one is not among them.
        """
        if self.monitor not in metrics:
            near = nearest(self.monitor, metrics)
            raise refuse(
                f"scheduler.monitor={self.monitor}",
                f"There is no such metric; validation gives {', '.join(metrics)}.",
                f"scheduler.monitor={near or 'primary'}",
            )
        if self.place < self.warmup_steps:
            return
        self.validations += 1
        if self.validations % self.frequency == 0:
            self._judge(float(metrics[self.monitor]))
            self.apply()

    def _judge(self, value: float) -> None:
        if self._improves(value):
            self.best, self.bad = value, 0
        else:
            self.bad += 1
        if self.cooling > 0:
            self.cooling -= 1
            self.bad = 0
        if self.bad > self.patience:
            self.scale = max(self.scale * self.factor, self.min_lr)
            self.cooling, self.bad = self.cooldown, 0

    def _improves(self, value: float) -> bool:
        relative = self.threshold_mode == "rel"
        if self.mode == "min":
            return value < (self.best * (1 - self.threshold) if relative else self.best - self.threshold)
        return value > (self.best * (1 + self.threshold) if relative else self.best + self.threshold)

    def state_dict(self) -> dict[str, Any]:
        """Return the number of steps done, and what the validations so far have led to."""
        return {**super().state_dict(), **{name: getattr(self, name) for name in _STATE}}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a state; another schedule's gives the number of steps, without validations."""
        vars(self).update({name: state_dict[name] for name in _STATE if name in state_dict})
        super().load_state_dict(state_dict)
