"""Augmentation that hides something: noise, and boxes without content."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lossbook.data.augment.draws import chosen, replaced, require, require_probability, span, uniform
from lossbook.data.augment.geometric import box_sides


class GaussianNoise(nn.Module):
    """Normal noise of standard deviation ``std`` on every value; inputs of any shape."""

    geometric = False

    def __init__(self, std: float = 0.1) -> None:
        super().__init__()
        require(std > 0, f"std={std}", "The noise has a standard deviation above 0.", "std=0.1")
        self.std = std

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs + self.std * torch.randn_like(inputs)


class Erasing(nn.Module):
    """A box of the image becomes the mean of the image's channels, with probability ``p``. Labels stay.

    Source: Zhong et al. 2020; ``torchvision.transforms.v2.RandomErasing``, which makes the box black.

    Args:
        p: probability.
        scale: smallest and largest area of the box, as fractions of the image's.
        ratio: smallest and largest ratio of its width to its height.
    """

    geometric = False

    def __init__(
        self, p: float = 0.5, scale: Sequence[float] = (0.02, 0.33), ratio: Sequence[float] = (0.3, 3.3)
    ) -> None:
        super().__init__()
        require_probability(p)
        self.p = p
        self.scale = span(
            "scale", scale, "The scale is the smallest and the largest fraction of the area.", (0.02, 0.33)
        )
        self.ratio = span("ratio", ratio, "The ratio is the smallest and the largest, both above 0.", (0.3, 3.3))

    def forward(self, images: Tensor) -> Tensor:
        places = chosen(images, self.p)
        some = images.index_select(0, places)
        box = boxes(some, *box_sides(some, self.scale, self.ratio))
        return replaced(images, places, torch.where(box, some.mean((2, 3), keepdim=True), some))


def boxes(images: Tensor, width: Tensor, height: Tensor) -> Tensor:
    """Draw a place within each image for a box of these sides; return which pixels it covers, (N, 1, H, W).

    Args:
        width, height: (N,), as fractions of the image's.
    """
    covers = []
    for side, pixels, axis in ((height, images.shape[-2], 2), (width, images.shape[-1], 3)):
        length = (side * pixels).round()
        start = (uniform(images, 0, 1) * (pixels - length)).round()
        place = torch.arange(pixels, device=images.device)
        inside = (place >= start[:, None]) & (place < (start + length)[:, None])
        covers.append(inside[:, None, :, None] if axis == 2 else inside[:, None, None, :])
    return covers[0] & covers[1]
