"""The callback of the learning rate range test: training steps with a growing learning rate."""

from __future__ import annotations

import math
from typing import Any

import lightning

from lossbook.errors import refuse
from lossbook.optim.range_test import RangeTest, RangeTestCurve, Watch
from lossbook.tasks.step import Step
from lossbook.training.module import LossbookModule

FEWEST = 3  # steps of a curve


class DivergedError(Exception):
    """The loss is no longer finite; raised before the module reports it."""


class GrowingRates(lightning.Callback):
    """Sets the learning rates of every step and records its loss; ends the run when that diverges.

    Groups that are unfrozen at a later stage stay frozen: the test is of the first stage.

    Args:
        over: the learning rates to try.
        lr: the optimizer's own; every group keeps its ratio to it.
    """

    def __init__(self, over: RangeTest, lr: float) -> None:
        self.range, self.lr = over, lr
        self._ratios: list[float] = []
        self._batches: list[list[tuple[float, float]]] = []  # loss and weight of each step's batches
        self._watch = Watch()
        self._diverged = False
        self._step = 0

    def curve(self) -> RangeTestCurve:
        """Return the curve so far.

        Raises:
            UserError: too few steps for a curve.
        """
        made = max(0, len(self._batches) - 1)
        if made < FEWEST:
            if not self._batches:
                rule = "The loss of the first batch is not finite, or there is no batch; no learning rate changes that."
                raise refuse(
                    "No step could be made.", rule, "check the data, the model and trainer.limit_train_batches"
                )
            rule = f"The loss diverged after {made} of {self.range.steps} steps: too few for a curve."
            raise refuse(f"find.min={self.range.least:g}", rule, f"find.min={self.range.least / 1000:g}")
        start, *after = [_mean(batches) for batches in self._batches]
        return RangeTestCurve(start, [self.range.rate(step) for step in range(len(after))], after, self._diverged)

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        groups = [group for optimizer in trainer.optimizers for group in optimizer.param_groups]
        self._ratios = [float(group.get("initial_lr", group["lr"])) / self.lr for group in groups]
        for group in groups:
            for parameter in group["params"] if "frozen_until" in group else ():
                parameter.requires_grad_(False)
        assert isinstance(pl_module, LossbookModule)
        pl_module.on_step = self._note

    def on_train_batch_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self._step = trainer.global_step
        rate = self.range.rate(self._step)
        groups = [group for optimizer in trainer.optimizers for group in optimizer.param_groups]
        for group, ratio in zip(groups, self._ratios, strict=True):
            group["lr"] = rate * ratio

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self._diverged:
            trainer.should_stop = True

    def _note(self, step: Step) -> None:
        """Record a batch's loss, with the weights of the previous step."""
        loss = float(step.loss.detach())
        self._diverged |= self._watch.diverged(loss)
        if not math.isfinite(loss):
            raise DivergedError
        if self._step == len(self._batches):
            self._batches.append([])
        self._batches[self._step].append((loss, float(step.weight)))


def _mean(batches: list[tuple[float, float]]) -> float:
    """Return the loss of a step's batches together; 0 where none counts."""
    total = sum(weight for _, weight in batches)
    return sum(loss * (weight / total) for loss, weight in batches) if total else 0.0
