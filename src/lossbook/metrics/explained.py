"""Shares of the variation that a prediction explains."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics import Metric


class R2(Metric):
    """The coefficient of determination, the mean over the columns; columns whose targets are all equal are left out.

    1 - residual / total sum of squares. nan for fewer than two samples, and where no column varies. torchmetrics'
    ``R2Score`` takes every residual sum below 1e-4 for 0, and so each prediction of small targets for a perfect one.
    """

    full_state_update = False
    higher_is_better = True
    residual: Tensor
    total: Tensor
    squares: Tensor
    samples: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("residual", "total", "squares", "samples"):
            self.add_state(name, torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, preds: Tensor, target: Tensor) -> None:
        """Add predictions and targets, both (N,) or (N, W)."""
        # sums of squares lose all digits in float32 where the mean is far from zero
        preds, target = preds.double(), target.double()
        self.residual = self.residual + (target - preds).square().sum(0)
        self.total = self.total + target.sum(0)
        self.squares = self.squares + target.square().sum(0)
        self.samples = self.samples + len(target)

    def compute(self) -> Tensor:
        variation = self.squares - self.total.square() / self.samples
        # what float64 leaves of the squares where all targets are equal
        varies = (variation > 1e-13 * self.squares) & (self.samples > 1)
        return torch.where(varies, 1 - self.residual / variation, torch.nan).nanmean().float()


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
