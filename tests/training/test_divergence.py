"""Losses and weights that are not finite."""

from __future__ import annotations

import math

import lightning as L
import pytest
import torch
from torch import nn

from lossbook.training.divergence import holds_finite_weights, loss_not_finite


@pytest.mark.parametrize(
    ("weight", "buffer", "finite"),
    [
        (1.0, 1.0, True),
        (3e38, 1.0, True),  # the sum of their squares overflows
        (math.nan, 1.0, False),
        (-math.inf, 1.0, False),
        (1.0, math.nan, False),
        (1.0, -math.inf, True),  # a mask
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_every_weight_must_be_finite(weight: float, buffer: float, finite: bool, dtype: torch.dtype) -> None:
    module = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)).to(dtype)  # with a count of batches, a whole number
    module[0].weight.data[1, 2] = weight
    module.register_buffer("mask", torch.tensor([0.0, buffer], dtype=dtype))
    assert holds_finite_weights(module) is finite


def test_nothing_to_learn_is_finite() -> None:
    assert holds_finite_weights(nn.Flatten())


def test_the_largest_gradient_of_sparse_ones_is_found() -> None:
    class Bag(L.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(5, 2, sparse=True)

    module = Bag()
    module.table(torch.tensor([1, 1, 3])).sum().backward()  # row 1 twice: its gradients add up to 2
    assert "was 2, in table.weight" in str(loss_not_finite(module, torch.tensor(math.nan)))
