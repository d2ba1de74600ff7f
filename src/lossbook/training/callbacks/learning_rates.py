"""Log the learning rates, and the momentum where a schedule changes it."""

from __future__ import annotations

from typing import Any

import lightning

from lossbook.optim.schedules.schedule import Schedule


class LearningRates(lightning.Callback):
    """Logs each step's learning rate every ``log_every_n_steps``: ``lr``, or ``lr/<group>`` where groups differ.

    A group's name is its key ``name`` where it has one, its number otherwise. A schedule that cycles the momentum adds
    the curve ``momentum``. Nothing is logged without a logger.
    Lightning's ``LearningRateMonitor`` raises without a logger, warns without a schedule, and refuses groups of the
    same name.
    """

    def __init__(self) -> None:
        self._every = 0  # 0: nothing to log to
        self._tags: list[str] = []
        self._names: list[str] = []

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self._every = int(getattr(trainer, "log_every_n_steps")) if trainer.loggers else 0  # noqa: B009
        groups = [group for optimizer in trainer.optimizers for group in optimizer.param_groups]
        self._names = [f"lr/{group.get('name', number)}" for number, group in enumerate(groups)]
        together = len({float(group.get("initial_lr", group["lr"])) for group in groups}) == 1
        self._tags = ["lr"] * len(groups) if together else self._names

    def on_train_batch_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        # before the step: after it the schedule has the rate of the next step
        if self._every and batch_idx % self._every == 0:
            groups = [group for optimizer in trainer.optimizers for group in optimizer.param_groups]
            if len({float(group["lr"]) for group in groups}) > 1:  # a user's schedule may split equal peaks
                self._tags = self._names
            rates = {tag: float(group["lr"]) for tag, group in zip(self._tags, groups, strict=True)}
            for config in trainer.lr_scheduler_configs:
                schedule = config.scheduler
                momentum = schedule.momentum(schedule.place) if isinstance(schedule, Schedule) else None
                if momentum is not None:
                    rates["momentum"] = momentum
            for logger in trainer.loggers:
                logger.log_metrics(rates, step=trainer.global_step)
