"""Down where validation no longer improves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch.optim import Optimizer

from lossbook.errors import nearest, refuse
from lossbook.optim.schedules.length import Length
from lossbook.optim.schedules.schedule import Schedule

_KEPT = ("scale", "best", "bad", "cooling", "validations")


class Plateau(Schedule):
    """Times ``factor`` after ``patience`` validations without improvement (as torch's ``ReduceLROnPlateau``).

    Validations within the warmup do not count. The figures are told by ``observe``, before a checkpoint is written, so
    that the checkpoint holds what follows from them (Lightning steps torch's own class afterwards).

    Args:
        monitor: tag of the figure, such as ``val/loss``.
        mode: ``min`` or ``max``: which of its values is best.
        factor: in (0, 1).
        patience: bad validations that are put up with.
        threshold: what an improvement must exceed: of the best (``threshold_mode="rel"``), or as it is (``"abs"``).
        cooldown: validations after a reduction in which none is bad.
        min_lr: share of the peak below which it does not go.
        frequency: every so many validations one counts.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        length: Length,
        monitor: str = "val/loss",
        mode: str = "min",
        factor: float = 0.5,
        patience: int = 2,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float = 0.0,
        frequency: int = 1,
        warmup: float = 0.0,
    ) -> None:
        self.monitor, self.mode = monitor, mode
        self.reduction, self.patience, self.cooldown, self.min_lr = factor, patience, cooldown, min_lr
        self.threshold, self.threshold_mode = threshold, threshold_mode
        self.every = frequency
        self.scale = 1.0
        self.best = math.inf if mode == "min" else -math.inf
        self.bad = 0  # validations without improvement, on end
        self.cooling = 0  # validations that the cooldown still lasts
        self.validations = 0
        super().__init__(optimizer, length, warmup)

    def shape(self, time: int) -> float:
        return self.scale

    def observe(self, figures: Mapping[str, float]) -> None:
        """Take note of a validation's figures by tag.

        Raises:
            UserError: the one to watch is not among them.
        """
        if self.monitor not in figures:
            near = nearest(self.monitor, figures)
            raise refuse(
                f"scheduler.monitor={self.monitor}",
                f"There is no such figure; validation gives {', '.join(figures)}.",
                f"scheduler.monitor={near or 'primary'}",
            )
        if self.place < self.rise:
            return
        self.validations += 1
        if self.validations % self.every == 0:
            self._judge(float(figures[self.monitor]))
            self.apply()

    def _judge(self, figure: float) -> None:
        if self._improves(figure):
            self.best, self.bad = figure, 0
        else:
            self.bad += 1
        if self.cooling > 0:
            self.cooling -= 1
            self.bad = 0
        if self.bad > self.patience:
            self.scale = max(self.scale * self.reduction, self.min_lr)
            self.cooling, self.bad = self.cooldown, 0

    def _improves(self, figure: float) -> bool:
        relative = self.threshold_mode == "rel"
        if self.mode == "min":
            return figure < (self.best * (1 - self.threshold) if relative else self.best - self.threshold)
        return figure > (self.best * (1 + self.threshold) if relative else self.best + self.threshold)

    def state_dict(self) -> dict[str, Any]:
        """The number of steps made, and what was made of the figures so far."""
        return {**super().state_dict(), **{name: getattr(self, name) for name in _KEPT}}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from there; from another schedule's state with that number of steps, and no figures yet."""
        vars(self).update({name: state_dict[name] for name in _KEPT if name in state_dict})
        super().load_state_dict(state_dict)
