"""Three inputs a sample, anchor, positive and negative, and no target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lossbook.targets.embeddings import Embedding
from lossbook.targets.encoding import Measure
from lossbook.targets.kind import TargetKind

if TYPE_CHECKING:
    from torch import Tensor

    from lossbook.data.schema import Schema


class TripletEmbedding(Embedding):
    """An embedding for anchor, positive and negative of a given triplet.

    The scores of its metrics are the distances to the positive and to the negative, (N, 2).
    """

    def measures(self) -> dict[str, Measure]:
        from torchmetrics import MeanMetric

        closer = Measure(
            MeanMetric(),
            lambda scores, _: ((scores[:, 0] < scores[:, 1]).float(),),
            train=True,
            higher_is_better=True,
            hint="positives nearer than negatives",
        )
        return {"acc": closer}


class TripletTarget(TargetKind):
    """Triplets that the data gives."""

    name = "triplet"
    promise = "three inputs a sample (anchor, positive, negative), no target"
    inputs = 3
    encodings = {"embedding": TripletEmbedding}  # noqa: RUF012
    roles = {"triplets": "embedding"}  # noqa: RUF012

    def shape(self, schema: Schema) -> None:
        return None

    def chance(self, metric: str, target: Tensor | None, schema: Schema) -> tuple[float, str] | None:
        return (0.5, "the value of a coin") if metric == "acc" else None


KIND = TripletTarget()
