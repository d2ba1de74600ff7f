"""How well scores put samples in order."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.functional import spearman_corrcoef
from torchmetrics.utilities.data import dim_zero_cat

_BLOCK = 1024  # rows of the comparison matrix at a time


class Ordering(Metric):
    """Pair accuracy and Spearman's rank correlation, ``{"acc": ..., "spearman": ...}``.

    ``acc`` is the share of all pairs with different targets that the scores put in the right order; equal scores are
    wrong. Both are nan where all targets are equal.
    """

    full_state_update = False
    higher_is_better = True
    scores: list[Tensor]
    targets: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.add_state("scores", [], dist_reduce_fx="cat")
        self.add_state("targets", [], dist_reduce_fx="cat")

    def update(self, scores: Tensor, target: Tensor) -> None:
        """Add one score and one target a sample, (N,) or (N, 1)."""
        self.scores.append(scores.flatten())
        self.targets.append(target.flatten())

    def compute(self) -> dict[str, Tensor]:
        scores, targets = dim_zero_cat(self.scores), dim_zero_cat(self.targets)
        right = pairs = torch.zeros((), dtype=torch.int64, device=scores.device)
        for start in range(0, len(scores), _BLOCK):
            block = slice(start, start + _BLOCK)
            order = torch.sign(targets[block, None] - targets)
            found = torch.sign(scores[block, None] - scores)
            right = right + ((order == found) & (order != 0)).sum()
            pairs = pairs + (order != 0).sum()
        correlation = spearman_corrcoef(scores.float(), targets.float()) if pairs else torch.tensor(torch.nan)
        return {"acc": right / pairs, "spearman": correlation}
