"""The batch size that batch norm needs in training."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from lossbook.errors import refuse


def require_statistics(model: nn.Module, input_shape: tuple[int, ...], inputs: int) -> None:
    """Check that training batches are large enough for the network's batch norm, which needs two values per channel.

    Args:
        model: the network; neither it nor the state of the random generators changes.
        input_shape: of one input.
        inputs: number in the smallest training batch.

    Raises:
        UserError: a batch has one input, and batch norm is applied to vectors or to images of one pixel.
    """
    if inputs > 1 or not any(isinstance(module, _BatchNorm) for module in model.modules()):
        return
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            copy.deepcopy(model).train()(torch.zeros(inputs, *input_shape))
    except Exception as error:  # any other error that zeros may cause is left to training
        if "Expected more than 1 value per channel" in str(error):
            raise refuse(
                "a training batch of one sample, and a network with batch norm",
                "Batch norm uses the statistics of the batch, which needs at least two samples.",
                "data.batch_size=2 and two samples or more, or a network without it (model=mlp model.batch_norm=false)",
            ) from error
