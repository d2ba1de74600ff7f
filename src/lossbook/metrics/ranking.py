"""How well scores put samples in order."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F
from torchmetrics import Metric
from torchmetrics.utilities.data import dim_zero_cat


class Ordering(Metric):
    """Pair accuracy and Spearman's rank correlation, ``{"acc": ..., "spearman": ...}``.

    ``acc`` is the share of all pairs with different targets that the scores put in the right order; equal scores are
    wrong. Both are nan where all targets are equal, Spearman's also where all scores are. O(N log N).
    """

    gives = {"acc": True, "spearman": True}  # noqa: RUF012  (name -> whether larger is better)
    full_state_update = False
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
        scores = torch.unique(dim_zero_cat(self.scores), return_inverse=True)[1]
        targets = torch.unique(dim_zero_cat(self.targets), return_inverse=True)[1]
        pairs = (len(targets) ** 2 - targets.bincount().square().sum()) // 2
        # pairs of equal targets come in falling order of their scores: none of them looks right
        order = (-scores).argsort(stable=True)
        order = order[targets[order].argsort(stable=True)]
        return {"acc": _ascending(scores[order]) / pairs, "spearman": _correlation(_ranks(scores), _ranks(targets))}


def _ascending(values: Tensor) -> Tensor:
    """The number of pairs i < j with values[i] < values[j], counted in a merge sort of (N,) whole numbers from 0 on."""
    length = 1 << max(0, len(values) - 1).bit_length()
    merged = F.pad(values, (0, length - len(values)), value=-1)  # behind all others and less than them: in no pair
    number = torch.zeros((), dtype=torch.int64, device=values.device)
    width = 1
    while width < length:
        halves = merged.view(-1, 2, width)
        number = number + torch.searchsorted(halves[:, 0].contiguous(), halves[:, 1].contiguous()).sum()
        merged = merged.view(-1, 2 * width).sort(dim=1).values
        width *= 2
    return number


def _ranks(places: Tensor) -> Tensor:
    """Ranks from 0 of values given as their places among the distinct ones; equal values share the mean of theirs."""
    counts = places.bincount().double()
    return (counts.cumsum(0) - (counts + 1) / 2)[places]


def _correlation(first: Tensor, second: Tensor) -> Tensor:
    """Pearson's correlation; nan where one of the two does not vary."""
    first, second = first - first.mean(), second - second.mean()
    return ((first * second).sum() / (first.norm() * second.norm())).float()
