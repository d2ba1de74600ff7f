"""The logistic loss of labels +1 and -1, in a form that cannot overflow."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from lossbook.losses.criteria.reduction import reduce


class SoftMarginLoss(nn.Module):
    """log(1 + exp(-y x)), computed as softplus(-y x).

    torch's own computes the exponential first: wrong scores above 88 give inf, and a nan gradient. Where that is
    finite, both agree.

    Args:
        reduction: ``none``, ``mean`` or ``sum``.
    """

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = reduction

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of scores and of targets +1 or -1, both (N, *)."""
        return reduce(F.softplus(-target * input), self.reduction)
