"""Two inputs a sample, and whether they belong together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lossbook.targets.embeddings import BALANCED, Embedding
from lossbook.targets.encoding import Measure, Prediction, Probabilities
from lossbook.targets.kind import Batch, TargetKind, most_frequent, refuse_at

if TYPE_CHECKING:
    from torch import Tensor

    from lossbook.data.schema import Schema


class PairEmbedding(Embedding):
    """An embedding for each side of a given pair; +1 for pairs that belong together, -1 for others.

    The scores of its metrics are the distances of the pairs, (N,).
    """

    def encode(self, target: Tensor) -> Tensor:
        return target.float() * 2 - 1

    def predict(
        self, scores: Tensor, probabilities: Probabilities | None = None, thresholds: Mapping[str, Tensor] | None = None
    ) -> Prediction:
        """Tell pairs by their distance, at the threshold that was best on validation; without one, give distances."""
        threshold = (thresholds or {}).get("verification")
        return Prediction(scores if threshold is None else (scores < threshold).long())

    def measures(self) -> dict[str, Measure]:
        from lossbook.metrics.threshold import PairVerification

        return {"verification": Measure(PairVerification(), lambda scores, target: (scores, target), hint=BALANCED)}


class PairTarget(TargetKind):
    """Whether the two inputs of a sample belong together."""

    name = "pair"
    promise = "two inputs a sample, and 1 (same) or 0 (different), (N,)"
    inputs = 2
    encodings = {"embedding": PairEmbedding}  # noqa: RUF012
    roles = {"pairs": "embedding", "views": "embedding"}  # noqa: RUF012

    def check(self, batch: Batch, schema: Schema, where: str, ignore_index: int | None = None) -> None:
        target = batch["target"]
        wrong = (target != 0) & (target != 1)
        if wrong.any():
            raise refuse_at(wrong, target, where, "A pair's target is 1 (same) or 0 (different).")

    def written(self, decision: Tensor, schema: Schema) -> list[str]:
        return ["same" if same else "different" for same in decision.tolist()]

    def mistakes(self, prediction: Prediction, target: Tensor, schema: Schema) -> Tensor | None:
        """1 for a pair that is told wrongly; None without a threshold that tells."""
        decision = prediction.decision
        return None if decision.is_floating_point() else (decision != target.long()).float()

    def chance(self, metric: str, target: Tensor | None, schema: Schema) -> tuple[float, str] | None:
        return most_frequent(target) if metric == "pair_acc" and target is not None else None


KIND = PairTarget()
