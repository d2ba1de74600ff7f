"""Smooth clipping of numbers (Holzmüller, Grinsztajn and Steinwart 2024, https://arxiv.org/abs/2407.04491)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_FAR = 100.0  # bounds away a number is at the bound, within 0.005 %; its square still fits into 16 bits


class SmoothClip(nn.Module):
    """Squashes numbers into an open interval around 0, in which small ones stay nearly what they are.

    A network extrapolates linearly: without a bound, one wrong cell far outside the training part gives a prediction
    that is wrong by as much.

    Args:
        columns: number of columns that hold numbers, the first of the input.
        bound: of the interval, in standard deviations of a column.
    """

    def __init__(self, columns: int, bound: float) -> None:
        super().__init__()
        self.columns, self.bound = columns, bound

    def forward(self, input: Tensor) -> Tensor:
        """Map rows (N, F) to rows (N, F)."""
        ratio = (input[:, : self.columns] / self.bound).clamp(-_FAR, _FAR)
        clipped = self.bound * ratio / (1 + ratio.square()).sqrt()
        return torch.cat([clipped, input[:, self.columns :]], 1)
