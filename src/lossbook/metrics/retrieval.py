"""How well embeddings find samples of the same class: nearest neighbours, ranked lists, pairs."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F
from torchmetrics import Metric
from torchmetrics.utilities.data import dim_zero_cat

from lossbook.metrics.threshold import PairVerification

_BLOCK = 512  # queries at a time
_FOLLOWERS = 16  # pairs a sample, for verification


class Retrieval(Metric):
    """Recall at 1 and MAP@R of queries against a gallery, ``{"recall_at_1": ..., "map_at_r": ...}``.

    Recall at 1 is the share of queries whose nearest neighbour in the gallery is of their class. MAP@R averages the
    precision over the first R neighbours, R being the number of the gallery's samples of the query's class
    (Musgrave et al. 2020, "A Metric Learning Reality Check"). Without a gallery the queries are their own, each
    left out of its own list; of a single sample both are nan.

    Args:
        distance: ``euclidean`` or ``cosine``.
    """

    gives = {"recall_at_1": True, "map_at_r": True}  # noqa: RUF012
    takes_gallery = True
    full_state_update = False
    embeddings: list[Tensor]
    labels: list[Tensor]

    def __init__(self, distance: str = "euclidean") -> None:
        super().__init__()
        self.distance = distance
        self.gallery: tuple[Tensor, Tensor] | None = None
        self.add_state("embeddings", [], dist_reduce_fx="cat")
        self.add_state("labels", [], dist_reduce_fx="cat")

    def update(self, embeddings: Tensor, labels: Tensor) -> None:
        """Add queries, (N, D) and (N,)."""
        self.embeddings.append(embeddings)
        self.labels.append(labels)

    def compute(self) -> dict[str, Tensor]:
        queries, labels = dim_zero_cat(self.embeddings), dim_zero_cat(self.labels)
        if self.gallery is None and len(queries) < 2:
            nan = torch.tensor(torch.nan, device=queries.device)
            return {"recall_at_1": nan, "map_at_r": nan}
        gallery, gallery_labels = self.gallery or (queries, labels)
        counts = torch.bincount(gallery_labels, minlength=int(labels.max()) + 1)
        hits, precision = [], []
        for start in range(0, len(queries), _BLOCK):
            block = slice(start, start + _BLOCK)
            distances = pairwise_distances(queries[block], gallery, self.distance)
            r = counts[labels[block]]
            if self.gallery is None:
                rows = torch.arange(len(distances), device=distances.device)
                distances[rows, start + rows] = torch.inf
                r = r - 1
            depth = max(1, min(int(r.max()), len(gallery)))
            nearest = distances.topk(depth, largest=False).indices
            relevant = (gallery_labels[nearest] == labels[block, None]).double()
            hits.append(relevant[:, 0])
            ranks = torch.arange(1, depth + 1, device=distances.device)
            within = ranks <= r[:, None]
            running = relevant.cumsum(1) / ranks
            precision.append((running * relevant * within).sum(1) / r.clamp_min(1))
        return {"recall_at_1": torch.cat(hits).mean().float(), "map_at_r": torch.cat(precision).mean().float()}

    def reset(self) -> None:
        super().reset()
        self.gallery = None


class Verification(PairVerification):
    """Balanced pair accuracy and AUROC over pairs of the part: each sample with the 16 that follow it.

    Args:
        distance: ``euclidean`` or ``cosine``.
    """

    def __init__(self, distance: str = "euclidean") -> None:
        super().__init__()
        self.distance = distance

    def compute(self) -> dict[str, Tensor]:
        embeddings, labels = dim_zero_cat(self.scores), dim_zero_cat(self.targets)
        if self.distance == "cosine":
            embeddings = F.normalize(embeddings, dim=1)
        distances, same = [], []
        for step in range(1, min(_FOLLOWERS, len(labels) - 1) + 1):
            first, second = embeddings[:-step], embeddings[step:]
            distances.append((first - second).norm(dim=1))
            same.append(labels[:-step] == labels[step:])
        if not distances:
            return self.verify(embeddings.new_zeros(0), torch.zeros(0, dtype=torch.bool, device=labels.device))
        return self.verify(torch.cat(distances), torch.cat(same))


def pairwise_distances(first: Tensor, second: Tensor, distance: str) -> Tensor:
    """Distances (N, M) between rows of (N, D) and (M, D): Euclidean, or 1 - cosine."""
    if distance == "cosine":
        return 1 - F.normalize(first, dim=1) @ F.normalize(second, dim=1).T
    # torch multiplies matrices for this, which loses the digits of small distances far from the origin
    centre = second.mean(dim=0)
    return torch.cdist(first - centre, second - centre)
