"""The soft Dice loss: overlap of predicted probabilities and target."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from lossbook.losses.criteria.reduction import reduce


class DiceLoss(nn.Module):
    """One minus the Dice coefficient of each class in a sample's target, the mean over these classes.

    Of a class c it is 2 sum(p_c y_c) / (sum(p_c) + sum(y_c)), the sums over the sample's positions that count. Classes
    that the target does not hold are left out: what is predicted of them is missing elsewhere. A sample that holds no
    class at all (all of it ignored) has a loss of 0.

    Source: Milletari et al. 2016 (V-Net), with the sum of probabilities below instead of that of their squares.

    Args:
        smooth: added above and below.
        ignore_index: of targets that are left out.
        reduction: ``none``, ``mean`` or ``sum`` over the N samples.
    """

    def __init__(self, smooth: float = 0.0, ignore_index: int = -100, reduction: str = "mean") -> None:
        super().__init__()
        self.smooth = smooth
        self.ignore_index = ignore_index
        self.reduction = reduction

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Compute the loss of probabilities (N, C, *) and class indices (N, *)."""
        samples, classes = input.shape[:2]
        counts = target != self.ignore_index
        truth = F.one_hot(target.where(counts, 0), classes).movedim(-1, 1).to(input.dtype) * counts.unsqueeze(1)
        predicted, truth = (value.reshape(samples, classes, -1) for value in (input * counts.unsqueeze(1), truth))
        there = truth.sum(2)
        overlap = 2 * (predicted * truth).sum(2) + self.smooth
        whole = predicted.sum(2) + there + self.smooth
        present = there > 0
        # of a class that is not there the fraction may be 0 / 0, whose gradient is nan: divide by 1 there
        losses = (1 - overlap / whole.where(present, 1.0)) * present
        return reduce(losses.sum(1) / present.sum(1).clamp_min(1), self.reduction)
