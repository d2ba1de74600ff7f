"""What one draw of an augmentation that moves pixels makes of a batch: images, and labels that follow them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch.nn.functional as F
from torch import Tensor, nn

Move: TypeAlias = Callable[[Tensor], Tensor]
"""Moves planes of labels (N, 1, H, W) as images were moved: by the nearest neighbour, with 0 where nothing was."""


@dataclass(frozen=True)
class Change:
    """The outcome of one draw.

    Args:
        images: (N, C, H, W), augmented.
        labels: moves planes of labels likewise.
    """

    images: Tensor
    labels: Move


class Geometric(nn.Module, ABC):
    """An augmentation that moves pixels, with labels of pixels behind them.

    Attributes:
        borders: whether places may appear that were not in the image; they are black, and their label is ignored.
        keeps_values: whether values are moved and never mixed, so that bytes may be given as well, which is faster.
    """

    geometric = True
    borders = True
    keeps_values = False

    @abstractmethod
    def change(self, images: Tensor) -> Change:
        """Draw, and return the images (N, C, H, W) with what moves their labels."""

    def forward(self, images: Tensor) -> Tensor:
        return self.change(images).images


def resampled(images: Tensor, grid: Tensor, padding: str = "zeros") -> Change:
    """Return images at the places (N, H, W, 2) of a grid, bilinear, and labels at the nearest ones.

    Args:
        grid: as ``torch.nn.functional.grid_sample`` takes it.
        padding: ``zeros``, or ``border`` for a grid that stays within the image.
    """

    def labels(planes: Tensor) -> Tensor:
        return F.grid_sample(planes, grid.to(planes.dtype), "nearest", padding, align_corners=False)

    return Change(F.grid_sample(images, grid, padding_mode=padding, align_corners=False), labels)
