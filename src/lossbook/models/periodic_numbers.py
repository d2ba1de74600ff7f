"""Periodic embeddings of numbers (Gorishniy, Rubachev and Babenko 2022, https://arxiv.org/abs/2203.05556)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

FREQUENCIES = 24  # of each column
SCALE = 0.1  # standard deviation of the initial frequencies, in periods a unit, which is a column's standard deviation


class PeriodicNumbers(nn.Module):
    """Appends an embedding of each number: a linear layer and ReLU over its sines and cosines of learned frequencies.

    A network learns sharp dependences on a number more easily so.

    Args:
        columns: number of columns that hold numbers, the first of the input.
        width: of the embedding of each.

    Attributes:
        added: number of columns that are appended.
    """

    def __init__(self, columns: int, width: int = 8) -> None:
        super().__init__()
        self.columns, self.added = columns, columns * width
        self.frequencies = nn.Parameter(torch.randn(columns, FREQUENCIES) * SCALE)
        bound = (2 * FREQUENCIES) ** -0.5
        self.weight = nn.Parameter(torch.empty(columns, 2 * FREQUENCIES, width).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(columns, width).uniform_(-bound, bound))

    def forward(self, input: Tensor) -> Tensor:
        """Map rows (N, F) to (N, F + columns * width)."""
        angles = 2 * math.pi * input[:, : self.columns, None] * self.frequencies
        waves = torch.cat([angles.sin(), angles.cos()], 2)
        embedded = torch.einsum("ncf,cfw->ncw", waves, self.weight) + self.bias
        return torch.cat([input, embedded.relu().flatten(1)], 1)
