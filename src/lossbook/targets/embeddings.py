"""The encoding of losses that place samples in a space: the output is an embedding, the target says who is near."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics import MeanMetric

from lossbook.data.schema import Schema
from lossbook.errors import refuse
from lossbook.losses.contract import DISTANCES
from lossbook.metrics.retrieval import Retrieval, Verification
from lossbook.metrics.threshold import PairVerification
from lossbook.targets.encoding import Encoding, Measure, Scores

BALANCED = {"pair_acc": "balanced, at the threshold that is best on validation"}


class Embedding(Encoding):
    """An embedding (N, D) for each input; class labels stay as they are.

    Args:
        embedding_dim: D.
        distance: ``euclidean`` or ``cosine``, for nearest neighbours.
        verify: measure pairs, too.
    """

    def __init__(self, schema: Schema, embedding_dim: int, distance: str = "euclidean", verify: bool = False) -> None:
        super().__init__(schema)
        if distance not in DISTANCES:
            raise refuse(f"loss.accepts.{schema.target}.distance={distance}", f"It is one of {', '.join(DISTANCES)}.")
        self.embedding_dim = embedding_dim
        self.distance = distance
        self.verify = verify

    @property
    def width(self) -> int:
        return self.embedding_dim

    def encode(self, target: Tensor) -> Tensor:
        return target

    def decide(self, scores: Scores) -> Tensor:
        """The embedding itself: what a user of such a model asks for."""
        return scores

    def measures(self) -> dict[str, Measure]:
        if self.schema.target != "class":
            return {}
        measures = {"retrieval": Measure(Retrieval(self.distance), lambda scores, target: (scores, target))}
        if self.verify:
            measures["verification"] = Measure(
                Verification(self.distance), lambda scores, target: (scores, target), hint=BALANCED
            )
        return measures


class PairEmbedding(Embedding):
    """An embedding for each side of a given pair; +1 for pairs that belong together, -1 for others.

    The scores of its metrics are the distances of the pairs, (N,).
    """

    def encode(self, target: Tensor) -> Tensor:
        return target.float() * 2 - 1

    def measures(self) -> dict[str, Measure]:
        return {"verification": Measure(PairVerification(), lambda scores, target: (scores, target), hint=BALANCED)}


class TripletEmbedding(Embedding):
    """An embedding for anchor, positive and negative of a given triplet.

    The scores of its metrics are the distances to the positive and to the negative, (N, 2).
    """

    def measures(self) -> dict[str, Measure]:
        closer = Measure(
            MeanMetric(),
            lambda scores, _: ((scores[:, 0] < scores[:, 1]).float(),),
            train=True,
            higher_is_better=True,
            hint="positives nearer than negatives",
        )
        return {"acc": closer}


def with_distances(first: Tensor, *others: Tensor) -> Tensor:
    """Euclidean distances of each row to its partners', (N,) or (N, number of partners)."""
    distances = [(first - other).norm(dim=1) for other in others]
    return distances[0] if len(distances) == 1 else torch.stack(distances, dim=1)
