"""Choosing, among the samples of a batch, the pairs and triplets that a loss is computed on."""

from __future__ import annotations

import torch
from torch import Tensor

from lossbook.errors import UserError, refuse

_MOST = 4_000_000  # pairs or triplets of one batch; beyond, memory and time run away


def all_pairs(labels: Tensor, minable: bool = True) -> tuple[Tensor, Tensor]:
    """Indices (i, j), i < j, of every pair among N samples; ``minable``: a choice among them is another way out."""
    n = len(labels)
    if n * (n - 1) // 2 > _MOST:
        raise _too_many("pairs", n, n * (n - 1) // 2, minable)
    first, second = torch.triu_indices(n, n, offset=1, device=labels.device)
    return first, second


def triplets(
    distances: Tensor, labels: Tensor, mine: str, margin: float, swap: bool = False
) -> tuple[Tensor, Tensor, Tensor]:
    """Indices (anchor, positive, negative) of the triplets that are worth a gradient.

    Args:
        distances: (N, N) between the embeddings, without gradient.
        labels: (N,) class of each sample.
        mine: ``all`` takes every triplet that violates the margin: satisfied ones have neither loss nor gradient,
            and would only dilute the mean. ``hard`` takes for each anchor its farthest positive and nearest negative
            (Hermans et al. 2017). ``semi_hard`` takes for each pair of a class the nearest negative that is farther
            than the positive, or the farthest negative where there is none (Schroff et al. 2015).
        margin: in units of the distance.
        swap: a negative is as near as it is to the anchor or to the positive, whichever is less (Balntas et al. 2016).
    """
    same = labels[:, None] == labels
    positive = same.clone().fill_diagonal_(False)
    if mine == "all":
        return _violating(distances, positive, ~same, margin, swap)
    if mine == "hard":
        return _hardest(distances, positive, ~same, swap)
    assert mine == "semi_hard", mine
    return _semi_hard(distances, positive, ~same, swap)


def forms_triplets(labels: Tensor) -> bool:
    """Whether two samples of a class and one of another are among these."""
    counts = labels.unique(return_counts=True)[1]
    return len(counts) > 1 and bool((counts > 1).any())


def none_formed(what: str) -> UserError:
    """The error for samples or batches without a pair or triplet."""
    return refuse(
        f"No batch of the training part holds {what}.",
        "The loss is of such samples of one batch: nothing is learned without.",
        "data.batch_size=64, and a training part that holds more of them (data.limit=null)",
    )


def _to_negatives(distances: Tensor, anchors: Tensor, positives: Tensor, swap: bool) -> Tensor:
    """How far each pair (T,) is from every sample, (T, N): by its anchor, or with ``swap`` by its nearer side."""
    rows = distances[anchors]
    return torch.minimum(rows, distances[positives]) if swap else rows


def _violating(
    distances: Tensor, positive: Tensor, negative: Tensor, margin: float, swap: bool
) -> tuple[Tensor, Tensor, Tensor]:
    candidates = int((positive.sum(1) * negative.sum(1)).sum())
    if candidates > _MOST:
        raise _too_many("triplets", len(distances), candidates)
    anchors, positives = positive.nonzero(as_tuple=True)
    away = _to_negatives(distances, anchors, positives, swap)
    violated = (distances[anchors, positives][:, None] + margin > away) & negative[anchors]
    row, negatives = violated.nonzero(as_tuple=True)
    return anchors[row], positives[row], negatives


def _hardest(distances: Tensor, positive: Tensor, negative: Tensor, swap: bool) -> tuple[Tensor, Tensor, Tensor]:
    anchors = (positive.any(1) & negative.any(1)).nonzero()[:, 0]
    farthest = distances.masked_fill(~positive, -torch.inf)[anchors].argmax(1)
    away = _to_negatives(distances, anchors, farthest, swap)
    return anchors, farthest, away.masked_fill(~negative[anchors], torch.inf).argmin(1)


def _semi_hard(distances: Tensor, positive: Tensor, negative: Tensor, swap: bool) -> tuple[Tensor, Tensor, Tensor]:
    positive = positive & negative.any(1)[:, None]
    anchors, positives = positive.nonzero(as_tuple=True)
    if len(anchors) * len(distances) > 16 * _MOST:
        raise _too_many("pairs of a class", len(distances), len(anchors))
    rows = _to_negatives(distances, anchors, positives, swap)
    allowed = negative[anchors]
    farther = allowed & (rows > distances[anchors, positives][:, None])
    nearest_farther = rows.masked_fill(~farther, torch.inf).argmin(1)
    farthest = rows.masked_fill(~allowed, -torch.inf).argmax(1)
    return anchors, positives, torch.where(farther.any(1), nearest_farther, farthest)


def _too_many(what: str, samples: int, number: int, minable: bool = True) -> Exception:
    return refuse(
        f"A batch of {samples} samples has {number:,} {what}.",
        f"At most {_MOST:,} are formed at once.",
        "data.batch_size=256" + (", or loss.pairing.mine=hard" if minable else ""),
    )
