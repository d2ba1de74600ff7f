"""Two views of each sample, every other sample of the batch a negative."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional as F

from lossbook.errors import UserError, refuse
from lossbook.losses.inputs.arguments import Arguments
from lossbook.targets.embeddings import with_distances
from lossbook.targets.encoding import Encoding
from lossbook.targets.pairs import PairEmbedding

_ROWS = 128  # of a large training batch estimate its metrics well enough; all of them cost more than the loss


class Views:
    """The embeddings of two views, and the labels where they say which samples are positives.

    A criterion that has ``observe(query, key, most)`` gives metrics of its own beside the loss, of embeddings (N, D)
    without gradient and of at most so many queries (None: all); ``gives`` says of each whether larger is better.

    Args:
        encoding: of the target.
        criterion: takes (q, k) or (q, k, labels).
        positives: ``views``, or ``labels`` for all samples of the same class (Khosla et al. 2020).
    """

    def __init__(self, encoding: Encoding, criterion: nn.Module, positives: str = "views") -> None:
        self.encoding = encoding
        self.criterion = criterion
        self.gives: Mapping[str, bool | None] = getattr(criterion, "gives", {})
        self.positives = positives

    def __call__(self, scores: Tensor | tuple[Tensor, ...], batch: dict[str, Any], lengths: Tensor | None) -> Arguments:
        assert isinstance(scores, tuple)
        query, key, *clean = scores
        target = batch.get("target")
        if isinstance(self.encoding, PairEmbedding):
            return self._given(query, key, batch["target"])
        if len(query) < 2:
            raise refuse(
                f"A batch holds {len(query)} pair{'s' if len(query) != 1 else ''} of views.",
                "The negatives of a sample are the others of its batch: it needs two at least.",
                "data.batch_size=256",
            )
        args: tuple[Tensor, ...] = (query, key)
        if self.positives == "labels":
            assert target is not None
            args = (query, key, target)
        kept = clean[0] if clean else query
        return Arguments(args, len(query), kept, target, self._metrics(query.detach(), key.detach()))

    def observed(self, scores: Tensor | tuple[Tensor, ...], lengths: Tensor | None) -> Tensor:
        """Return embeddings as they are, and of given pairs the distances of the normalised ones."""
        if not isinstance(scores, tuple):
            return scores
        return with_distances(*(F.normalize(side, dim=1) for side in scores[:2]))

    def _given(self, query: Tensor, key: Tensor, same: Tensor) -> Arguments:
        """Of the data's own pairs those that belong together find each other; the rest serve evaluation.

        A batch that holds fewer than two by chance counts for nothing; over several processes all pass over it, for
        each waits for the others' embeddings.
        """
        partners = same > 0
        between = self.observed((query, key), None)
        first, second = query[partners], key[partners]
        if _fewest(len(first), first.device) < 2:
            return Arguments((first, second), 0, between, same)
        metrics = self._metrics(first.detach(), second.detach())
        return Arguments((first, second), len(first), between, same, metrics)

    def none_counted(self) -> UserError:
        """The error for an epoch without a batch to learn from."""
        return refuse(
            "No batch of the epoch holds two pairs that belong together.",
            "The negatives of a pair are the others of its batch.",
            "data.batch_size=256",
        )

    def _metrics(self, query: Tensor, key: Tensor) -> dict[str, Tensor]:
        """Where a contrastive run stands; alignment and uniformity of Wang and Isola (2020)."""
        q, k = F.normalize(query, dim=1), F.normalize(key, dim=1)
        squared = torch.pdist(q[:_ROWS]).square()
        observe = getattr(self.criterion, "observe", None)
        own = observe(query, key, _ROWS if torch.is_grad_enabled() else None) if observe is not None else {}
        return {**own, "alignment": (q - k).square().sum(1).mean(), "uniformity": squared.mul(-2).exp().mean().log()}


def _fewest(number: int, device: torch.device) -> int:
    """The smallest of the processes' numbers."""
    if not (dist.is_available() and dist.is_initialized()):
        return number
    least = torch.tensor(number, device=device)
    dist.all_reduce(least, dist.ReduceOp.MIN)
    return int(least)
