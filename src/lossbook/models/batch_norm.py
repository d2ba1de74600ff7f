"""What batch norm asks of training batches."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from lossbook.errors import refuse


def require_statistics(model: nn.Module, input_shape: tuple[int, ...], inputs: int) -> None:
    """Refuse training batches too small for the network's batch norm, which needs two values a channel.

    Args:
        model: the network; it stays as it is, as do the random numbers.
        input_shape: of one input.
        inputs: in the smallest training batch.

    Raises:
        UserError: a batch of one input, and a batch norm over vectors, or over images that are down to one pixel.
    """
    if inputs > 1 or not any(isinstance(module, _BatchNorm) for module in model.modules()):
        return
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            copy.deepcopy(model).train()(torch.zeros(inputs, *input_shape))
    except Exception as error:  # whatever else a network may miss in zeros is told when it is trained
        if "Expected more than 1 value per channel" in str(error):
            raise refuse(
                "a training batch of one sample, and a network with batch norm",
                "Batch norm standardises by the other samples of the batch: it needs two.",
                "data.batch_size=2 and two samples or more, or a network without it (model=mlp model.batch_norm=false)",
            ) from error
