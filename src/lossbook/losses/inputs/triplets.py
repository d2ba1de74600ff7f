"""An anchor, a positive and a negative."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from lossbook.errors import UserError
from lossbook.losses.inputs.arguments import Arguments
from lossbook.losses.inputs.mining import forms_triplets, none_formed, triplets
from lossbook.targets.embeddings import with_distances
from lossbook.targets.encoding import Encoding
from lossbook.targets.triplets import TripletEmbedding


class Triplets:
    """Triplets mined among the samples of a batch by their classes, or given by the data.

    Args:
        encoding: of the target.
        criterion: its ``margin``, ``p`` and ``swap`` are what mining measures with.
        mine: ``all``, ``hard`` or ``semi_hard``.
    """

    def __init__(self, encoding: Encoding, criterion: nn.Module, mine: str = "semi_hard") -> None:
        self.encoding = encoding
        self.margin = float(getattr(criterion, "margin", 0.0))
        self.p = float(getattr(criterion, "p", 2.0))
        self.swap = bool(getattr(criterion, "swap", False))
        self.mine = mine
        self._satisfied = False  # a batch had triplets, and none of them violated the margin

    def forms(self, target: Tensor) -> bool:
        """Whether samples of these targets can make up a triplet; given ones have no target."""
        return forms_triplets(target)

    def none_counted(self) -> UserError | None:
        """The error for an epoch without a triplet; None where the margin holds for all that there are."""
        return None if self._satisfied else none_formed("two samples of one class and one of another")

    @property
    def own_terms(self) -> bool:
        """Whether a sample has a loss of its own, as given triplets have."""
        return isinstance(self.encoding, TripletEmbedding)

    def per_sample(self, losses: Tensor, arguments: Arguments, reduction: str) -> tuple[Tensor, Tensor]:
        """Return the losses (N,) of given triplets, and their shares in the mean."""
        return losses, torch.ones_like(losses)

    def observed(self, scores: Tensor | tuple[Tensor, ...], lengths: Tensor | None) -> Tensor:
        """Return embeddings as they are, and of given triplets the anchor's distances to the two others."""
        return with_distances(*scores) if isinstance(scores, tuple) else scores

    def __call__(self, scores: Tensor | tuple[Tensor, ...], batch: dict[str, Any], lengths: Tensor | None) -> Arguments:
        if isinstance(scores, tuple):
            anchor, positive, negative = scores
            return Arguments((anchor, positive, negative), len(anchor), self.observed(scores, lengths), None)
        labels = batch["target"]
        with torch.no_grad():
            # torch multiplies matrices for this, which loses the digits of small distances far from the origin
            centred = scores - scores.mean(dim=0)
            between = torch.cdist(centred, centred, p=self.p)
        a, p, n = triplets(between, labels, self.mine, self.margin, self.swap)
        metrics = {}
        if len(a):
            # a collapsed embedding shows as a loss that equals the margin: this metric tells the two apart
            away = torch.minimum(between[a, n], between[p, n]) if self.swap else between[a, n]
            active = between[a, p] + self.margin > away
            metrics = {"active": active.float().mean(), "spread": scores.detach().std(dim=0).mean()}
        elif self.mine == "all":
            self._satisfied |= forms_triplets(labels)
        return Arguments((scores[a], scores[p], scores[n]), len(a), scores, labels, metrics)
