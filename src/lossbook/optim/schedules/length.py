"""The length of a run in optimizer steps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbook.errors import refuse

if TYPE_CHECKING:
    import lightning


@dataclass(frozen=True)
class Length:
    """The length of a run.

    Args:
        steps: optimizer steps in the whole run; None where only a time limit or the user ends it.
        steps_per_epoch: optimizer steps in an epoch, in one process.
        by_epochs: whether the run ends after a number of epochs rather than of steps.
    """

    steps: int | None
    steps_per_epoch: int
    by_epochs: bool = True

    def calls(self, interval: str, frequency: int) -> int | None:
        """Return how often Lightning steps a schedule in the whole run; None for an open end."""
        if self.steps is None:
            return None
        whole = self.steps if interval == "step" else math.ceil(self.steps / self.steps_per_epoch)
        return max(1, whole // frequency)


def length_of(trainer: lightning.Trainer) -> Length:
    """Return the length of the run that a trainer is about to start; not available before ``configure_optimizers``.

    Sets up the loader of the training part, and with it before a checkpoint is restored: what Lightning then forgets
    is made up for in ``lossbook.training.lightning_internals``.

    Raises:
        UserError: the number of accumulated batches changes during the run, or the data has no known length.
    """
    from lightning.pytorch.callbacks import GradientAccumulationScheduler

    callbacks = trainer.callbacks  # type: ignore[attr-defined]
    if any(isinstance(one, GradientAccumulationScheduler) and len(one.scheduling) > 1 for one in callbacks):
        raise refuse(
            "The callback GradientAccumulationScheduler with something that is spread over the run's steps.",
            "The number of steps must be known, and here the number in an epoch changes during the run.",
            "trainer.accumulate_grad_batches=N instead of the callback, or scheduler=none and a number for optim.t0",
        )
    trainer.fit_loop.setup_data()
    batches, together = trainer.num_training_batches, trainer.accumulate_grad_batches
    if math.isinf(batches):
        raise refuse(
            "Data of unknown length with something that is spread over the run's steps.",
            "The number of steps must be known.",
            "trainer.limit_train_batches=N, the number of batches in an epoch",
        )
    steps = trainer.estimated_stepping_batches
    whole = None if math.isinf(steps) else int(steps)
    by_epochs = whole is not None and whole != trainer.max_steps
    return Length(whole, max(1, math.ceil(batches / together)), by_epochs)
