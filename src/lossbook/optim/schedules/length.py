"""How long a run is, in steps of the optimizer."""

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
        steps: of the optimizer in the whole run; None where only the clock or the user ends it.
        steps_per_epoch: of the optimizer, in one process.
        by_epochs: whether a number of epochs ends the run, and not one of steps.
    """

    steps: int | None
    steps_per_epoch: int
    by_epochs: bool = True

    def calls(self, interval: str, frequency: int) -> int | None:
        """How often Lightning steps a schedule in the whole run, every so many steps or epochs."""
        if self.steps is None:
            return None
        whole = self.steps if interval == "step" else math.ceil(self.steps / self.steps_per_epoch)
        return max(1, whole // frequency)


def length_of(trainer: lightning.Trainer) -> Length:
    """The length of the run that a trainer is about to make; to be asked from ``configure_optimizers`` on.

    Sets up the loader of the training part, and with it before a checkpoint is restored: what Lightning then forgets
    is made up for in ``lossbook.training.lightning_internals``.

    Raises:
        UserError: the number of accumulated batches changes on the way, so that no epoch is as long as another.
    """
    from lightning.pytorch.callbacks import GradientAccumulationScheduler

    callbacks = trainer.callbacks  # type: ignore[attr-defined]
    if any(isinstance(one, GradientAccumulationScheduler) and len(one.scheduling) > 1 for one in callbacks):
        raise refuse(
            "The callback GradientAccumulationScheduler beside what is spread over the run's steps.",
            "Their number must be known, and here that of an epoch changes on the way.",
            "trainer.accumulate_grad_batches=N in the callback's place, or scheduler=none and no null for a number of"
            " steps (optim.t0)",
        )
    trainer.fit_loop.setup_data()
    batches, together = trainer.num_training_batches, trainer.accumulate_grad_batches
    if math.isinf(batches):
        raise refuse(
            "Data of unknown length beside what is spread over the run's steps.",
            "Their number must be known.",
            "trainer.limit_train_batches=N, the number of batches that make an epoch",
        )
    steps = trainer.estimated_stepping_batches
    whole = None if math.isinf(steps) else int(steps)
    by_epochs = whole is not None and whole != trainer.max_steps
    return Length(whole, max(1, math.ceil(batches / together)), by_epochs)
