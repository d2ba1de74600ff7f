"""A small convolutional network for images of 8 x 8 to about 64 x 64 pixels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lossbook.models.blocks import conv_block
from lossbook.models.requirements import require_dropout, require_image, require_output, require_positive


class CNN(nn.Module):
    """Convolutions, each but the last halving the image, then one hidden layer.

    The head sees the mean and the maximum of every channel over each cell of a grid. The maximum tells whether
    something is there, the mean how much of it: with a single cell one head serves classes, labels and counts, at any
    place and any image size. With more cells the head also sees where: for things that stand in the middle. Where a
    cell is a pixel, mean and maximum are the same, and stand once.

    Args:
        input_shape: (channels, height, width).
        output_size: width K of the output.
        output: ``vector``; another kind is refused.
        channels: of the convolutions.
        hidden: width of the layer between the pooled channels and the output.
        dropout: probability of a hidden value to be zeroed in training.
        grid: cells a side, at most as many as the last convolution has pixels.

    Raises:
        UserError: the inputs are no images, another output is needed, or a hyperparameter is out of range.
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        output_size: int,
        output: str = "vector",
        channels: Sequence[int] = (32, 64, 64),
        hidden: int = 128,
        dropout: float = 0.0,
        grid: int = 1,
    ) -> None:
        super().__init__()
        depth, height, width = require_image("cnn", input_shape)
        require_output("cnn", output, "vector")
        require_positive("cnn", "channels", channels)
        require_positive("cnn", "hidden", hidden)
        require_dropout(dropout)
        require_positive("cnn", "grid", grid)
        layers: list[nn.Module] = []
        size = (height, width)
        for place, outputs in enumerate(channels):
            halve = place < len(channels) - 1 and min(size) >= 4  # below that there is nothing left to halve
            layers.append(conv_block(depth, outputs, (2, 2) if halve else (1, 1)))
            depth, size = outputs, (size[0] // 2, size[1] // 2) if halve else size
        self.features = nn.Sequential(*layers)
        self.cells = (min(grid, size[0]), min(grid, size[1]))
        self.pools = self.cells != size
        self.head = nn.Sequential(
            nn.Linear(
                (1 + self.pools) * depth * self.cells[0] * self.cells[1], hidden
            ),  # no batch norm: its noise spoils counts
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(hidden, output_size),
        )

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, H, W) to (N, K)."""
        features = self.features(input)
        if not self.pools:
            return self.head(features.flatten(1))
        if self.cells == (1, 1):  # as below, in half the time
            features = features.flatten(2)
            return self.head(torch.cat([features.mean(2), features.amax(2)], 1))
        pooled = F.adaptive_avg_pool2d(features, self.cells), F.adaptive_max_pool2d(features, self.cells)
        return self.head(torch.cat(pooled, 1).flatten(1))
