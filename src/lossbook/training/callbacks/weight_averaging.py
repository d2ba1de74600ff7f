"""Averages over the weights of a run, with any optimizer."""

from __future__ import annotations

import math
from typing import Any

import lightning

from lossbook.checkpoints.entries import entries, require, whole
from lossbook.errors import refuse
from lossbook.training.callbacks.averaged_weights import AveragedWeights
from lossbook.training.lightning_internals import is_last_batch


class ExponentialAverage(AveragedWeights):
    """Exponential moving average of the weights (EMA).

    Early in a run the decay is smaller, since the average would consist mostly of the initial weights: after n steps it
    is min(decay, (1 + n) / (10 + n)), as in TensorFlow's ``ExponentialMovingAverage``.

    Args:
        decay: share of the old average that is kept at each optimizer step, in [0, 1); it spans 1 / (1 - decay) steps.

    Raises:
        UserError: the decay is out of range.
    """

    def __init__(self, decay: float = 0.999) -> None:
        super().__init__()
        if not 0 <= decay < 1:
            raise refuse(f"decay={decay}", "The share kept at each step must be at least 0 and below 1.", "0.999")
        self.decay = decay

    def weight(self, trainer: lightning.Trainer) -> float:
        return 1 - min(self.decay, (1 + self.updates) / (10 + self.updates))


class EqualAverage(AveragedWeights):
    """Stochastic weight averaging (SWA, Izmailov et al. 2018): the mean of the last epochs' weights.

    An epoch's weights are added after its last optimizer step, before its validation. The learning rate follows the
    run's schedule: with one that ends at 0 there is little to average.

    Args:
        start: share of the run's optimizer steps after which averaging starts, in [0, 1). A run that is resumed with
            more steps starts its average again, if it had started too early for the new length.

    Raises:
        UserError: the share is out of range, the run has no end, or no epoch ends after the start.
    """

    def __init__(self, start: float = 0.75) -> None:
        super().__init__()
        if not 0 <= start < 1:
            raise refuse(
                f"start={start}",
                "This share of the run must be at least 0 and below 1.",
                "0.75",
            )
        self.start = start
        self._first = math.inf  # optimizer steps after which averaging starts
        self._began = 0  # optimizer steps when it started

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "began": self._began}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        require(state_dict, entries({"began": whole}))
        self._began = state_dict["began"]

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        super().on_train_start(trainer, pl_module)
        self._first = self.start * float(trainer.estimated_stepping_batches)
        if not math.isfinite(self._first):
            raise refuse(
                "callbacks=swa with a run without an end.",
                f"Averaging starts after {self.start:g} of the run's steps.",
                "trainer.max_epochs=N or trainer.max_steps=N",
            )
        self._require_epoch(trainer)
        if self._began <= self._first:
            self.averages, self.updates = {}, 0

    def weight(self, trainer: lightning.Trainer) -> float | None:
        if not is_last_batch(trainer) or trainer.global_step <= self._first:
            return None
        if self.updates == 0:
            self._began = trainer.global_step
        return 1 / (self.updates + 1)

    def _require_epoch(self, trainer: lightning.Trainer) -> None:
        """Refuse a run that ``trainer.max_steps`` ends before the first epoch's end after the start."""
        batches = trainer.num_training_batches
        if trainer.max_steps < 0 or trainer.estimated_stepping_batches != trainer.max_steps or math.isinf(batches):
            return
        epoch = math.ceil(batches / trainer.accumulate_grad_batches)
        if trainer.max_steps // epoch * epoch <= self._first:
            raise refuse(
                f"callbacks=swa with trainer.max_steps={trainer.max_steps}, and {epoch} steps an epoch.",
                f"Weights are averaged at the ends of epochs, and none ends after {self.start:g} of the run.",
                f"trainer.max_steps={math.ceil(trainer.max_steps / epoch) * epoch}, the end of an epoch;"
                " callbacks=ema averages at every step",
            )
