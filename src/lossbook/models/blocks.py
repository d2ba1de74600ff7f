"""The layers that the networks for images are made of."""

from __future__ import annotations

from torch import nn


def conv_block(inputs: int, outputs: int) -> nn.Sequential:
    """A 3 x 3 convolution of the same size, batch norm and ReLU: (N, inputs, H, W) to (N, outputs, H, W)."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),  # batch norm has the bias
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )
