"""The temperature at which probabilities are calibrated, chosen on validation."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics.utilities.data import dim_zero_cat

from lossbook.metrics.threshold import Thresholded

_LARGEST = 1 << 20  # log-probabilities that are looked at: some 10 ms
_STEPS = 16  # halvings of the logarithm's range, to 0.01 %
_RANGE = (0.05, 20.0)  # beyond it a part that is all right, or all wrong, would lead without end


class Temperature(Thresholded):
    """Chooses the temperature T of ``softmax(log p / T)`` with the least negative log-likelihood (Guo et al. 2017).

    It is the ``threshold`` of its base class: chosen by validation, part of the checkpoint, taken as it is by a test.
    It is no metric of its own: nothing is logged.
    """

    gives = ()

    def __init__(self) -> None:
        super().__init__()
        self._kept = 0

    def update(self, scores: Tensor, target: Tensor) -> None:
        """Add log-probabilities (N, C) or, of labels, (N, L, 2), and class indices (N,) or (N, L)."""
        if self.choose and self._kept < _LARGEST:
            self._kept += scores.numel()
            super().update(scores, target)

    def compute(self) -> dict[str, Tensor]:
        if self.choose and len(self.scores):  # a list, or a tensor where several processes were gathered
            logs, target = dim_zero_cat(self.scores).flatten(0, -2), dim_zero_cat(self.targets).flatten()
            counted = (target >= 0) & (target < logs.shape[1])
            self.threshold = best_temperature(logs[counted], target[counted]).to(self.threshold.dtype)
        return {}

    def reset(self) -> None:
        super().reset()
        self._kept = 0


def best_temperature(logs: Tensor, target: Tensor) -> Tensor:
    """Return the temperature in [0.05, 20] with the least mean negative log-likelihood, a scalar in float64.

    Targets are smoothed by 1 / (N + 2), as Platt 1999 does: a part without a mistake does not make a model infallible.
    The likelihood is concave in 1 / T, so the sign of its slope tells on which side the best one lies.

    Args:
        logs: log-probabilities (N, C), of any temperature; N may be 0, which gives 1.
        target: class indices (N,).
    """
    if not len(logs):
        return torch.ones((), dtype=torch.float64, device=logs.device)
    logs = logs.double()
    doubt = 1 / (len(logs) + 2)
    right = (1 - doubt) * logs.gather(1, target[:, None].long())[:, 0].mean() + doubt * logs.mean()
    low, high = (logs.new_tensor(1 / end) for end in reversed(_RANGE))
    for _ in range(_STEPS):
        middle = (low * high).sqrt()
        expected = ((middle * logs).softmax(1) * logs).sum(1).mean()
        rises = right > expected  # the slope of the mean log-likelihood at this 1 / T
        low, high = torch.where(rises, middle, low), torch.where(rises, high, middle)
    return 1 / (low * high).sqrt()


def tempered(probability: Tensor, temperature: Tensor | None, dim: int = 1) -> Tensor:
    """Return probabilities at another temperature; as they are where none was chosen.

    Args:
        probability: sums to 1 along ``dim``.
        temperature: a scalar > 0, or None.
        dim: of the classes.
    """
    if temperature is None:
        return probability
    logs = probability.clamp_min(torch.finfo(probability.dtype).tiny).log()
    return (logs / temperature.to(logs.device, logs.dtype)).softmax(dim)
