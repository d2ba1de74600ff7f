"""The base class of callbacks that validate, test and save averaged weights."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from copy import copy
from typing import Any

import lightning
import torch
from torch import Tensor, nn
from torchmetrics import Metric

from lossbook.checkpoints.entries import entries, require, whole
from lossbook.checkpoints.structure import TRAINED


class AveragedWeights(lightning.Callback):
    """Validates, tests and saves an average of the weights; training continues with the weights themselves.

    In a checkpoint ``state_dict`` is the average, so that a test of ``best.ckpt`` gives the metrics of its validation,
    and ``current_model_state`` has the trained weights. Until averaging starts, both are the trained weights. Beside
    the parameters, floating-point buffers are averaged: running statistics of the trained weights do not fit averaged
    ones (digits, mean over the second half of a run: loss 0.037 with them, 0.026 with averaged statistics, 0.026 with
    those of a pass over the training part). Integer buffers are not averaged.

    Lightning's ``WeightAveraging`` uses the initial weights until averaging starts, tests the trained weights where a
    checkpoint is tested after training, averages integer buffers, and copies the whole module.
    """

    def __init__(self) -> None:
        self.averages: dict[str, Tensor] = {}  # by name; float32 or wider
        self.updates = 0  # number of weights averaged
        self._tensors: dict[str, Tensor] = {}  # to be averaged; looking them up takes longer than averaging
        self._trained: dict[str, Tensor] = {}  # while averages replace them in the module
        self._step = 0  # optimizer steps seen so far

    @abstractmethod
    def weight(self, trainer: lightning.Trainer) -> float | None:
        """Return the share of the trained weights in the new average after an optimizer step; None: no update."""

    def averaged(self, module: nn.Module) -> dict[str, Tensor]:
        """Return the tensors to average: parameters, and floating-point buffers that checkpoints hold."""
        return {**dict(module.named_parameters()), **statistics(module)}

    def current(self, trainer: lightning.Trainer, module: nn.Module) -> Mapping[str, Tensor]:
        """Return the current averages by name; empty until averaging starts."""
        return self.averages

    def state_dict(self) -> dict[str, Any]:
        return {"updates": self.updates}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        require(state_dict, entries({"updates": whole}))
        self.updates = state_dict["updates"]

    def on_fit_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self._tensors = self.averaged(pl_module)
        # checkpoints are read before the module is on its device
        self.averages = {name: average.to(pl_module.device) for name, average in self.averages.items()}

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self._step = trainer.global_step

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step == self._step:  # gradients are being accumulated
            return
        self._step = trainer.global_step
        weight = self.weight(trainer)
        if weight is not None:
            self._update(weight)

    def on_validation_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        if trainer.state.fn == "fit":  # otherwise the weights are those of a checkpoint
            self._swap_in(trainer, pl_module)

    def on_validation_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        if trainer.state.fn == "fit":
            self._swap_out(pl_module)

    def on_train_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self._swap_in(trainer, pl_module)  # for a test without a checkpoint

    def teardown(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, stage: str) -> None:
        if stage == "fit":
            self._tensors, self._trained, self.averages, self.updates = {}, {}, {}, 0

    def on_save_checkpoint(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        averages = self.current(trainer, pl_module)
        if averages:
            first = _first_names(pl_module)
            state = checkpoint["state_dict"]
            for key, tensors in ((TRAINED, self._trained), ("state_dict", averages)):
                checkpoint[key] = copy(state)  # with the versions of its modules, which some need
                checkpoint[key].update({name: tensors.get(first.get(name, name), state[name]) for name in state})

    def on_load_checkpoint(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        if trainer.state.fn == "fit" and TRAINED in checkpoint:
            state = checkpoint["state_dict"]
            self.averages = {name: state[name].clone() for name in self.averaged(pl_module) if name in state}

    @torch.no_grad()
    def _update(self, weight: float) -> None:
        if not self.averages:
            self.averages = {
                name: tensor.detach().to(torch.promote_types(tensor.dtype, torch.float32), copy=True)
                for name, tensor in self._tensors.items()
            }
        elif self._tensors:
            averages = [self.averages[name] for name in self._tensors]
            tensors = zip(self._tensors.values(), averages, strict=True)
            torch._foreach_lerp_(averages, [tensor.to(average.dtype) for tensor, average in tensors], weight)
        self.updates += 1

    @torch.no_grad()
    def _swap_in(self, trainer: lightning.Trainer, module: nn.Module) -> None:
        tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
        for name, average in self.current(trainer, module).items():
            self._trained[name] = tensors[name].detach().clone()
            tensors[name].copy_(average)

    @torch.no_grad()
    def _swap_out(self, module: nn.Module) -> None:
        tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
        for name, trained in self._trained.items():
            tensors[name].copy_(trained)
        self._trained = {}


def statistics(module: nn.Module) -> dict[str, Tensor]:
    """Return the floating-point buffers of a module's ``state_dict``, by name.

    Without those of metrics, such as a threshold chosen in validation, and those with infinities (a mask), whose
    average would be nan.
    """
    kept = module.state_dict()
    of_metrics = {buffer for part in module.modules() if isinstance(part, Metric) for buffer in part.buffers()}
    return {
        name: buffer
        for name, buffer in module.named_buffers()
        if name in kept and buffer not in of_metrics and buffer.is_floating_point() and bool(buffer.isfinite().all())
    }


def load_trained(module: nn.Module, checkpoint: Mapping[str, Any]) -> None:
    """Load the trained weights of a checkpoint into a module, where its ``state_dict`` holds averages of them."""
    if TRAINED in checkpoint:
        module.load_state_dict(checkpoint[TRAINED])


def _first_names(module: nn.Module) -> dict[str, str]:
    """Map each name of a tensor to its first name; tied weights have several."""
    first: dict[Tensor, str] = {}
    every = (*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False))
    return {name: first.setdefault(tensor, name) for name, tensor in every}
