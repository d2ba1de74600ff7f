"""A small U-Net for masks (Ronneberger, Fischer and Brox, 2015, https://arxiv.org/abs/1505.04597)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from lossbook.errors import refuse
from lossbook.models.blocks import conv_block
from lossbook.models.requirements import require_image, require_output, require_positive


class UNet(nn.Module):
    """Convolutions on ever smaller images, and back up, with skip connections at each level.

    Args:
        input_shape: (channels, height, width), of any size: sides are padded with zeros to a multiple of
            2 ** (levels - 1), and the output is cropped.
        output_size: width K of the output of each pixel.
        output: must be ``dense``.
        channels: of each level, starting at full size.

    Raises:
        UserError: the inputs are not images, another kind of output is needed, a width is below 1, or there are far
            more levels than the image can be halved.
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        output_size: int,
        output: str = "dense",
        channels: Sequence[int] = (16, 32, 64),
    ) -> None:
        super().__init__()
        depth, height, width = require_image("unet", input_shape)
        require_output("unet", output, "dense")
        require_positive("unet", "channels", channels)
        multiple = 2 ** (len(channels) - 1)
        if multiple > 4 * max(height, width):  # some padding is harmless, but this much only costs memory
            raise refuse(
                f"model.channels={list(channels)}",
                f"Each level but the first halves the image: with {len(channels)} levels, {height} x {width} would be"
                f" padded to {multiple} x {multiple}.",
                f"model.channels={list(channels[:3])}",
            )
        inputs = [depth, *channels[:-1]]
        self.down = nn.ModuleList(conv_block(i, o) for i, o in zip(inputs, channels, strict=True))
        self.shrink = nn.MaxPool2d(2)
        levels = list(zip(channels[1:], channels[:-1], strict=True))[::-1]  # from the smallest image up
        self.enlarge = nn.ModuleList(nn.ConvTranspose2d(low, high, 2, stride=2) for low, high in levels)
        self.up = nn.ModuleList(conv_block(2 * high, high) for _, high in levels)
        self.head = nn.Conv2d(channels[0], output_size, 1)

    def forward(self, input: Tensor) -> Tensor:
        """Map images (N, C, H, W) to outputs (N, K, H, W)."""
        height, width = input.shape[-2:]
        multiple = 2 ** len(self.up)
        image = pad(input, (0, -width % multiple, 0, -height % multiple))
        passed = []
        for level, block in enumerate(self.down):
            image = block(self.shrink(image) if level else image)
            passed.append(image)
        passed.pop()
        for enlarge, block in zip(self.enlarge, self.up, strict=True):
            image = block(torch.cat([passed.pop(), enlarge(image)], 1))
        return self.head(image)[..., :height, :width]
