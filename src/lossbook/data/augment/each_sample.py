"""Transforms that know single images alone, called once a sample."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lossbook.data.same_shape import require_shape


class EachSample(nn.Module):
    """A transform that knows single images alone, such as torchvision's, called once a sample: slow, but independent.

    Args:
        transform: from an image (C, H, W) to one of the same shape.
        geometric: whether it moves pixels.
    """

    def __init__(self, transform: nn.Module, geometric: bool = True) -> None:
        super().__init__()
        self.transform, self.geometric = transform, geometric

    def forward(self, images: Tensor) -> Tensor:
        results = [self.transform(image) for image in images]
        for result in results:
            require_shape(self.transform, images.shape[1:], result)
        return torch.stack(results)
