"""A weighted mean that keeps its weights."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics import Metric


class WeightedMean(Metric):
    """The mean of values by their weights, in float64; nan where a value is nan, 0 where all weights are 0.

    torchmetrics' ``MeanMetric`` either drops values that are nan, which a loss must not hide, or, told to leave them
    (``nan_strategy="disable"``), drops the weights (torchmetrics 1.9).
    """

    full_state_update = False
    total: Tensor
    weight: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("weight", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, values: Tensor, weights: Tensor) -> None:
        """Add values (N,) and their weights (N,)."""
        self.total += (values.double() * weights.double()).sum()
        self.weight += weights.double().sum()

    def compute(self) -> Tensor:
        return self.total / self.weight.clamp_min(torch.finfo(torch.float64).tiny)
