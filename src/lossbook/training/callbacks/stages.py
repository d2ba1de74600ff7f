"""Freeze groups of parameters until a later stage of training."""

from __future__ import annotations

import math
from typing import Any

import lightning
from lightning.pytorch.strategies import SingleDeviceStrategy
from torch import nn
from torch.optim import Optimizer

from lossbook.errors import refuse


class Stages(lightning.Callback):
    """Freezes groups with ``frozen_until`` until their epoch, step, or share of the run's steps.

    They are in the optimizer from the start, so that schedules and checkpoints include them; which of them are frozen
    follows from the counters alone, so that there is no state to resume. While all parameters of a norm are frozen, its
    running statistics are, too.

    Under a strategy for several processes gradients are dropped instead: DDP must know at the start which parameters
    have gradients.

    Raises (from ``trainer.fit``):
        UserError: a share, in a run without an end.
    """

    def __init__(self) -> None:
        self._frozen: list[dict[str, Any]] = []  # groups
        self._norms: list[nn.Module] = []  # modules with parameters and running statistics
        self._frozen_norms: list[nn.Module] = []  # those of them switched to evaluation mode here

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self._frozen = [group for group in _groups(trainer) if "frozen_until" in group]
        for group in self._frozen:
            if group["frozen_until"][0] == "share" and math.isinf(trainer.estimated_stepping_batches):
                raise refuse(
                    f"param_groups.rules: until_share: {group['frozen_until'][1]:g} in a run without an end.",
                    "It is a share of the run's steps, whose number is not known.",
                    "trainer.max_epochs=N or trainer.max_steps=N, or until_epoch or until_step instead",
                )
            _require_grad(group, self._several(trainer))
        self._norms = [
            module
            for module in pl_module.modules()
            if getattr(module, "track_running_stats", False) and any(True for _ in module.parameters(recurse=False))
        ]
        self._freeze_norms()

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self._thaw(trainer)

    def on_train_batch_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self._thaw(trainer)

    def on_train_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self._unfreeze_norms()

    def on_before_optimizer_step(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, optimizer: Optimizer
    ) -> None:
        for group in self._frozen if self._several(trainer) else ():
            for parameter in group["params"]:
                parameter.grad = None

    def _several(self, trainer: lightning.Trainer) -> bool:
        return not isinstance(trainer.strategy, SingleDeviceStrategy)

    def _thaw(self, trainer: lightning.Trainer) -> None:
        """Unfreeze the groups whose time has come."""
        come = [group for group in self._frozen if _is_reached(group["frozen_until"], trainer)]
        if come:
            for group in come:
                _require_grad(group, True)
            self._frozen = [group for group in self._frozen if not any(group is other for other in come)]
            self._freeze_norms()

    def _freeze_norms(self) -> None:
        """Switch norms with frozen parameters to evaluation mode, except those that the model has switched itself."""
        self._unfreeze_norms()
        frozen = {parameter for group in self._frozen for parameter in group["params"]}
        for norm in self._norms:
            own = norm.parameters(recurse=False)
            if norm.training and all(parameter in frozen or not parameter.requires_grad for parameter in own):
                norm.eval()
                self._frozen_norms.append(norm)

    def _unfreeze_norms(self) -> None:
        for norm in self._frozen_norms:
            norm.train()
        self._frozen_norms = []


def _groups(trainer: lightning.Trainer) -> list[dict[str, Any]]:
    return [group for optimizer in trainer.optimizers for group in optimizer.param_groups]


def _require_grad(group: dict[str, Any], gradients: bool) -> None:
    for parameter in group["params"]:
        assert isinstance(parameter, nn.Parameter)
        parameter.requires_grad_(gradients)


def _is_reached(until: list[Any], trainer: lightning.Trainer) -> bool:
    kind, number = until
    if kind == "epoch":
        return trainer.current_epoch >= number
    if kind == "step":
        return trainer.global_step >= number
    assert kind == "share"
    return trainer.global_step >= math.ceil(number * trainer.estimated_stepping_batches)
