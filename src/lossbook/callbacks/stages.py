"""Freezing in stages: groups of parameters that join the training later."""

from __future__ import annotations

import math
from typing import Any

import lightning
from torch import nn
from torch.optim import Optimizer


class Stages(lightning.Callback):
    """Keeps groups with ``frozen_until`` out of training until their epoch, step, or share of the run's steps.

    They are in the optimizer from the start, so that schedules and checkpoints know them; which of them are frozen
    follows from the counters alone, so that a resumed run needs nothing else. While all parameters of a norm are
    frozen, its running statistics are, too.

    Among several processes gradients are dropped instead: their reducer has been told once and for all which
    parameters will have some.
    """

    def __init__(self) -> None:
        self._frozen: list[dict[str, Any]] = []  # groups

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self._frozen = [group for group in _groups(trainer) if "frozen_until" in group]
        for group in self._frozen:
            _require(group, self._several(trainer))

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self._thaw(trainer, pl_module)

    def on_train_batch_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if self._frozen:
            self._thaw(trainer, pl_module)

    def on_before_optimizer_step(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, optimizer: Optimizer
    ) -> None:
        for group in self._frozen if self._several(trainer) else ():
            for parameter in group["params"]:
                parameter.grad = None

    def _several(self, trainer: lightning.Trainer) -> bool:
        return trainer.world_size > 1

    def _thaw(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Let those train whose time has come, and hold the norms of the others."""
        for group in self._frozen:
            if _has_come(group["frozen_until"], trainer):
                _require(group, True)
        self._frozen = [group for group in self._frozen if not _has_come(group["frozen_until"], trainer)]
        held = {id(parameter) for group in self._frozen for parameter in group["params"]}
        held |= {id(parameter) for parameter in pl_module.parameters() if not parameter.requires_grad}
        for module in pl_module.modules():
            own = list(module.parameters(recurse=False))
            if own and getattr(module, "track_running_stats", False):
                module.train(not all(id(parameter) in held for parameter in own))


def _groups(trainer: lightning.Trainer) -> list[dict[str, Any]]:
    return [group for optimizer in trainer.optimizers for group in optimizer.param_groups]


def _require(group: dict[str, Any], gradients: bool) -> None:
    for parameter in group["params"]:
        assert isinstance(parameter, nn.Parameter)
        parameter.requires_grad_(gradients)


def _has_come(until: list[Any], trainer: lightning.Trainer) -> bool:
    kind, number = until
    if kind == "epoch":
        return trainer.current_epoch >= number
    if kind == "step":
        return trainer.global_step >= number
    assert kind == "share"
    return trainer.global_step >= math.ceil(number * trainer.estimated_stepping_batches)
