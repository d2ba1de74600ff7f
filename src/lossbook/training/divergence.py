"""Detect losses and weights that are not finite, before they are saved, and describe them."""

from __future__ import annotations

import math

import lightning as L
import torch
from torch import Tensor
from torch.nn.utils import get_total_norm

from lossbook.errors import UserError, refuse

FIX = "a smaller optim.lr, trainer.gradient_clip_val=1.0, or trainer.detect_anomaly=true to find the operation"


def holds_finite_weights(module: torch.nn.Module) -> bool:
    """Return whether every weight is finite, and no buffer is nan (a mask may be infinite)."""
    weights = [p.detach() for p in module.parameters() if p.is_floating_point() and p.numel()]
    buffers = [b for b in module.buffers() if b.is_floating_point() and b.numel()]
    # the largest absolute value keeps infinity and nan, and does not overflow
    finite = not weights or bool(get_total_norm(weights, math.inf).isfinite())
    return finite and not (buffers and bool(get_total_norm(buffers, math.inf).isnan()))


def loss_not_finite(module: L.LightningModule, loss: Tensor) -> UserError:
    """Return the error for a loss that is not finite, with the largest gradient of the step before."""
    return _not_finite(module, f"The loss is {float(loss):g}")


def weights_not_finite(module: L.LightningModule) -> UserError:
    """Return the error for weights that are not finite, where too large a step shows first."""
    return _not_finite(module, "The weights are not finite")


def _not_finite(module: L.LightningModule, what: str) -> UserError:
    largest, where = 0.0, ""
    for name, parameter in module.named_parameters():
        gradient = parameter.grad
        if gradient is not None and gradient.is_sparse:  # abs and max do not take sparse tensors
            gradient = gradient.coalesce().values()
        if gradient is not None and gradient.numel():
            size = float(gradient.abs().max())
            if not size <= largest:  # also true for nan
                largest, where = size, name
    # Lightning frees the gradients before a validation
    said = f"The largest gradient of the step before was {largest:.3g}, in {where}. " if where else ""
    kept = "Nothing was saved since: all existing checkpoints hold finite weights."
    return refuse(f"{what} at step {module.global_step} (epoch {module.current_epoch}).", said + kept, FIX)
