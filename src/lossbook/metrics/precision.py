"""How well the scores of each label put the samples that bear it before the others."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.functional.classification import binary_average_precision
from torchmetrics.utilities.data import dim_zero_cat


class MeanAveragePrecision(Metric):
    """The mean, over the labels that some sample bears, of their average precision; nan where none is borne.

    Without a positive sample there is no recall, and no average precision: torchmetrics warns, and counts a 0 for such
    labels (multilabel) or leaves them out (multiclass); here they are left out, in silence, of either.
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
        """Add scores in [0, 1] and 0/1 targets, both (N, C)."""
        self.scores.append(scores)
        self.targets.append(target)

    def compute(self) -> Tensor:
        scores, targets = dim_zero_cat(self.scores), dim_zero_cat(self.targets)
        borne = targets.any(0).nonzero()[:, 0].tolist()
        if not borne:
            return torch.tensor(torch.nan)
        each = [binary_average_precision(scores[:, c], targets[:, c], validate_args=False) for c in borne]
        return torch.stack(each).mean().float()
