"""Metrics at a threshold that validation chooses and the test part must take as it is."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.functional.classification import binary_auroc
from torchmetrics.utilities.data import dim_zero_cat

_CANDIDATES = 256


class Thresholded(Metric):
    """A metric over (scores, target) that depends on a threshold.

    The threshold is chosen anew at each ``compute`` while ``choose`` is true, and kept otherwise. It is part of
    the checkpoint, and infinite until one is chosen: what depends on it is nan till then.
    """

    full_state_update = False
    higher_is_better = True
    threshold: Tensor
    scores: list[Tensor]
    targets: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.choose = True
        # not nan: a checkpoint with a nan in it is refused
        self.register_buffer("threshold", torch.tensor(torch.inf))
        self.add_state("scores", [], dist_reduce_fx="cat")
        self.add_state("targets", [], dist_reduce_fx="cat")

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        # a checkpoint of before this metric existed has chosen nothing
        state_dict.setdefault(f"{prefix}threshold", torch.tensor(torch.inf))
        super()._load_from_state_dict(state_dict, prefix, *args)

    def update(self, scores: Tensor, target: Tensor) -> None:
        """Add scores, and targets of the same first dimension."""
        self.scores.append(scores)
        self.targets.append(target)


class BestF1(Thresholded):
    """The mean F1 over the labels, at one threshold for all of them.

    Args:
        labels: number of labels C; scores and 0/1 targets are (N, C).
    """

    def __init__(self, labels: int) -> None:
        super().__init__()
        self.labels = labels

    def compute(self) -> Tensor:
        scores, targets = dim_zero_cat(self.scores), dim_zero_cat(self.targets).bool()
        if self.choose:
            candidates = torch.quantile(
                scores.flatten()[: 1 << 24].double(),
                torch.linspace(0, 1, _CANDIDATES, dtype=torch.float64, device=scores.device),
            ).to(scores.dtype)
            f1 = torch.stack([_macro_f1(scores > candidate, targets) for candidate in candidates])
            self.threshold = candidates[f1.argmax()]
        return torch.where(self.threshold.isinf(), torch.nan, _macro_f1(scores > self.threshold, targets))


def _macro_f1(predicted: Tensor, present: Tensor) -> Tensor:
    hits = (predicted & present).sum(0)
    total = predicted.sum(0) + present.sum(0)
    # a label that is neither there nor predicted scores 0, as in scikit-learn and torchmetrics
    return (2 * hits / total.clamp_min(1)).mean()


class PairVerification(Thresholded):
    """Whether a distance tells pairs that belong together from others, ``{"pair_acc": ..., "auroc": ...}``.

    ``pair_acc`` is balanced, the mean of the shares of same and of different pairs that are told rightly: most
    pairs are different ones, so that plain accuracy favours the constant. Both are nan with one kind of pair only.
    """

    gives = {"pair_acc": True, "auroc": True}  # noqa: RUF012

    def compute(self) -> dict[str, Tensor]:
        distances, same = dim_zero_cat(self.scores), dim_zero_cat(self.targets).bool()
        return self.verify(distances, same)

    def verify(self, distances: Tensor, same: Tensor) -> dict[str, Tensor]:
        if same.all() or not same.any():
            nan = torch.tensor(torch.nan, device=distances.device)
            return {"pair_acc": nan, "auroc": nan}
        if self.choose:
            self.threshold = _balanced_threshold(distances, same)
        told = distances < self.threshold
        balanced = (told[same].float().mean() + (~told[~same]).float().mean()) / 2
        # distances become numbers in [0, 1), larger for closer pairs; binary_auroc squashes all others itself
        closeness = 1 / (1 + distances.double().clamp_min(0))
        balanced = torch.where(self.threshold.isinf(), torch.nan, balanced)
        return {"pair_acc": balanced, "auroc": binary_auroc(closeness, same.long(), validate_args=False)}


def _balanced_threshold(distances: Tensor, same: Tensor) -> Tensor:
    """The midpoint between two neighbouring distances with the best balanced accuracy."""
    ordered, order = distances.sort()
    hits = same[order].double()
    rate_same = hits.cumsum(0) / hits.sum()
    rate_different = (1 - hits).cumsum(0) / (1 - hits).sum()
    # equal distances fall on one side of any threshold: only the last of them can be the last one told "same"
    last = torch.ones_like(same)
    last[:-1] = ordered[1:] > ordered[:-1]
    best = int((rate_same - rate_different).masked_fill(~last, -torch.inf).argmax())
    if best == len(ordered) - 1:
        return torch.nextafter(ordered[best], ordered.new_tensor(torch.inf))
    return torch.maximum((ordered[best] + ordered[best + 1]) / 2, torch.nextafter(ordered[best], ordered[best + 1]))
