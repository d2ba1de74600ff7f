"""Two outputs and whether they belong together, or which of them is greater."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from lossbook.errors import UserError
from lossbook.losses.inputs.arguments import Arguments
from lossbook.losses.inputs.mining import all_pairs, forms_triplets, none_formed, triplets
from lossbook.metrics.retrieval import pairwise_distances
from lossbook.targets.embeddings import with_distances
from lossbook.targets.encoding import Encoding
from lossbook.targets.pairs import PairEmbedding


class Pairs:
    """Pairs formed among the samples of a batch, or given by the data.

    Args:
        encoding: of the target.
        compare: what the criterion takes: ``sides``, (x1, x2, y), or their ``distance``, (d, y).
        mine: ``all`` pairs i < j; ``hard`` and ``semi_hard`` the two sides of such triplets.
        distance: ``euclidean`` or ``cosine``, for mining.
        margin: the criterion's own, for mining.
    """

    def __init__(
        self,
        encoding: Encoding,
        compare: str = "sides",
        mine: str = "all",
        distance: str = "euclidean",
        margin: float = 0.0,
    ) -> None:
        self.encoding = encoding
        self.compare = compare
        self.mine = mine
        self.distance = distance
        self.margin = margin

    def forms(self, target: Tensor) -> bool:
        """Whether samples of these targets make up pairs of both kinds; given ones do as they are."""
        return isinstance(self.encoding, PairEmbedding) or forms_triplets(target)

    def none_counted(self) -> UserError:
        """The error for an epoch without a pair."""
        return none_formed("two samples of one class and one of another")

    def __call__(self, scores: Tensor | tuple[Tensor, ...], batch: dict[str, Any], lengths: Tensor | None) -> Arguments:
        if isinstance(scores, tuple):
            return self._given(scores, self.encoding.encode(batch["target"]), batch["target"])
        labels = batch["target"]
        first, second, sign = self._formed(scores, labels)
        args = self._arguments(scores[first], scores[second], sign)
        return Arguments(args, len(sign), scores, labels)

    def _given(self, sides: tuple[Tensor, ...], sign: Tensor, target: Tensor) -> Arguments:
        assert isinstance(self.encoding, PairEmbedding)
        first, second = sides
        return Arguments(self._arguments(first, second, sign), len(sign), self.observed(sides, None), target)

    @property
    def own_terms(self) -> bool:
        """Whether a sample has a loss of its own, as given pairs have."""
        return isinstance(self.encoding, PairEmbedding)

    def per_sample(self, losses: Tensor, arguments: Arguments, reduction: str) -> tuple[Tensor, Tensor]:
        """Return the losses (N,) of given pairs, and their shares in the mean."""
        return losses, torch.ones_like(losses)

    def observed(self, scores: Tensor | tuple[Tensor, ...], lengths: Tensor | None) -> Tensor:
        """Return embeddings as they are, and of given pairs their distances."""
        if not isinstance(scores, tuple):
            return scores
        return with_distances(*(F.normalize(side, dim=1) if self.distance == "cosine" else side for side in scores))

    def _formed(self, embeddings: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        if self.mine == "all":
            first, second = all_pairs(labels)
            sign = (labels[first] == labels[second]).float() * 2 - 1
            return first, second, sign
        with torch.no_grad():
            between = pairwise_distances(embeddings, embeddings, self.distance)
        anchor, positive, negative = triplets(between, labels, self.mine, self.margin)
        sign = torch.cat([torch.ones_like(anchor), -torch.ones_like(anchor)]).float()
        return torch.cat([anchor, anchor]), torch.cat([positive, negative]), sign

    def _arguments(self, first: Tensor, second: Tensor, sign: Tensor) -> tuple[Tensor, ...]:
        if self.compare == "sides":
            return first, second, sign
        # adds 1e-6 before the norm, so that its gradient is finite for equal embeddings
        return F.pairwise_distance(first, second), sign


class RankedPairs:
    """All pairs of a batch whose targets differ, with y = +1 where the first ranks higher.

    Args:
        encoding: of the target, one score wide.
    """

    def __init__(self, encoding: Encoding) -> None:
        self.encoding = encoding

    def forms(self, target: Tensor) -> bool:
        """Whether two of these targets differ."""
        return len(target.unique()) > 1

    def none_counted(self) -> UserError:
        """The error for an epoch without two targets of one batch that differ."""
        return none_formed("two samples whose targets differ")

    def observed(self, scores: Tensor, lengths: Tensor | None) -> Tensor:
        """Return the scores as they are."""
        return scores

    def __call__(self, scores: Tensor, batch: dict[str, Any], lengths: Tensor | None) -> Arguments:
        values = batch["target"].flatten()
        flat = scores.flatten()
        first, second = all_pairs(values, minable=False)
        order = torch.sign(values[first] - values[second]).to(flat.dtype)
        ranked = order != 0  # a tie has y = 0, and with it a loss of the margin and no gradient
        first, second, order = first[ranked], second[ranked], order[ranked]
        return Arguments((flat[first], flat[second], order), len(order), scores, batch["target"])
