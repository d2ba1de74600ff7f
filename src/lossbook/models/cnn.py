"""A small convolutional network for images of 8 x 8 to about 64 x 64 pixels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lossbook.models.blocks import conv_block
from lossbook.models.requirements import require_dropout, require_image, require_output, require_positive


class CNN(nn.Module):
    """Convolutions, with the image halved between them, then one hidden layer.

    The hidden layer gets the mean and the maximum of every channel over each cell of a grid. The maximum shows whether
    something is there, the mean how much of it: a single cell suits classes, labels and counts at any position and
    image size. With more cells the layer also sees where things are, which suits centred objects. If a cell is one
    pixel, mean and maximum are equal and are used once.

    Args:
        input_shape: (channels, height, width).
        output_size: width K of the output.
        output: must be ``vector``.
        channels: of the convolutions.
        hidden: width of the layer between the pooled channels and the output.
        dropout: probability of zeroing a hidden value in training.
        grid: cells per side, at most as many as the last convolution has pixels.

    Raises:
        UserError: the inputs are not images, another kind of output is needed, or a hyperparameter is out of range.
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
            halve = place < len(channels) - 1 and min(size) >= 4  # a smaller image is not halved further
            layers.append(conv_block(depth, outputs, (2, 2) if halve else (1, 1)))
            depth, size = outputs, (size[0] // 2, size[1] // 2) if halve else size
        self.features = nn.Sequential(*layers)
        self.cells = (min(grid, size[0]), min(grid, size[1]))
        self.pools = self.cells != size
        self.head = nn.Sequential(
            # no batch norm after it: its noise harms counts
            nn.Linear((1 + self.pools) * depth * self.cells[0] * self.cells[1], hidden),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(hidden, output_size),
        )

    def forward(self, input: Tensor) -> Tensor:
        """Map images (N, C, H, W) to outputs (N, K)."""
        features = self.features(input)
        if not self.pools:
            return self.head(features.flatten(1))
        if self.cells == (1, 1):  # the same as below, in half the time
            features = features.flatten(2)
            return self.head(torch.cat([features.mean(2), features.amax(2)], 1))
        pooled = F.adaptive_avg_pool2d(features, self.cells), F.adaptive_max_pool2d(features, self.cells)
        return self.head(torch.cat(pooled, 1).flatten(1))
