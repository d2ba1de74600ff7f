"""Shares of the variation that a prediction explains."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics import Metric, R2Score


class R2(R2Score):
    """The coefficient of determination; nan for fewer than two samples, where the variance is not defined."""

    def update(self, preds: Tensor, target: Tensor) -> None:
        # sums of squares lose all digits in float32 where the mean is far from zero
        super().update(preds.double(), target.double())

    def compute(self) -> Tensor:
        if self.total < 2:
            return torch.tensor(torch.nan)
        return super().compute()


class PoissonD2(Metric):
    """The share of the Poisson deviance that the prediction explains, at most 1.

    1 - deviance(target, prediction) / deviance(target, mean of the targets); scikit-learn's
    ``d2_tweedie_score(power=1)``. Predictions must be positive. nan where all targets are equal.
    """

    full_state_update = False
    higher_is_better = True
    deviance: Tensor
    total: Tensor
    total_log: Tensor
    samples: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("deviance", "total", "total_log", "samples"):
            self.add_state(name, torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, preds: Tensor, target: Tensor) -> None:
        """Add rates and counts of the same shape."""
        preds, target = preds.double(), target.double()
        self.deviance += (torch.xlogy(target, target) - torch.xlogy(target, preds) - target + preds).sum()
        self.total += target.sum()
        self.total_log += torch.xlogy(target, target).sum()
        self.samples += target.numel()

    def compute(self) -> Tensor:
        null = self.total_log - torch.xlogy(self.total, self.total / self.samples)
        return torch.where(null > 1e-9 * self.samples, 1 - self.deviance / null, torch.nan).float()
