"""The encoding of losses that place samples in a space: the output is an embedding, the target says who is near."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lossbook.errors import refuse
from lossbook.targets.encoding import Encoding, Measure
from lossbook.targets.rows import PredictionRows

if TYPE_CHECKING:
    from torch import Tensor

    from lossbook.data.schema import Schema

DISTANCES = ("euclidean", "cosine")
BALANCED = {"pair_acc": "balanced, at the threshold that is best on validation"}


class Embedding(Encoding):
    """An embedding (N, D) for each input; class labels stay as they are.

    Args:
        embedding_dim: D.
        distance: ``euclidean`` or ``cosine``, for nearest neighbours.
        verify: measure pairs, too.
    """

    role: ClassVar[str] = "embedding"

    def __init__(self, schema: Schema, embedding_dim: int, distance: str = "euclidean", verify: bool = False) -> None:
        super().__init__(schema)
        if distance not in DISTANCES:
            rule = f"The distance must be one of {', '.join(DISTANCES)}."
            raise refuse(f"loss.accepts.{schema.target}.distance={distance}", rule)
        self.embedding_dim = embedding_dim
        self.distance = distance
        self.verify = verify

    @property
    def width(self) -> int:
        return self.embedding_dim

    def encode(self, target: Tensor) -> Tensor:
        return target

    def decide(self, scores: Tensor) -> Tensor:
        """Return the embedding itself: what a user of such a model asks for."""
        return scores

    def measures(self) -> dict[str, Measure]:
        from lossbook.metrics.retrieval import Retrieval, Verification

        if self.schema.target != "class":
            return {}
        measures = {"retrieval": Measure(Retrieval(self.distance), lambda scores, target: (scores, target))}
        if self.verify:
            measures["verification"] = Measure(
                Verification(self.distance), lambda scores, target: (scores, target), hint=BALANCED
            )
        return measures


def embedding_rows(embeddings: Tensor) -> PredictionRows:
    """Return embeddings (N, D), on the CPU, as they are written down: in files beside the table."""
    return PredictionRows(embeddings.float().numpy(), vectors=True)


def with_distances(first: Tensor, *others: Tensor) -> Tensor:
    """Return Euclidean distances of each row to its partners', (N,) or (N, number of partners)."""
    import torch

    distances = [(first - other).norm(dim=1) for other in others]
    return distances[0] if len(distances) == 1 else torch.stack(distances, dim=1)
