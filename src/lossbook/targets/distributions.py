"""A distribution over the classes a sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lossbook.data.positive_class import class_names
from lossbook.targets.classes import ClassEncoding, class_rows, finite_log
from lossbook.targets.encoding import Measure, Prediction
from lossbook.targets.kind import Batch, TargetKind, refuse_at
from lossbook.targets.rows import PredictionRows

if TYPE_CHECKING:
    from torch import Tensor

    from lossbook.data.schema import Schema


class Distribution(ClassEncoding):
    """The probabilities as they are, (N, C) float32.

    Accuracy compares the most probable classes (of equally probable ones the first); ``kl`` is the divergence of the
    prediction from the target.

    Args:
        log_target: give log-probabilities, for a criterion that takes its target so.
    """

    calibrates = False  # the target has no one right class

    def __init__(self, schema: Schema, log_target: bool = False) -> None:
        super().__init__(schema)
        self.log_target = log_target

    def encode(self, target: Tensor) -> Tensor:
        return finite_log(target.float()) if self.log_target else target.float()

    def measures(self) -> dict[str, Measure]:
        from torchmetrics import KLDivergence
        from torchmetrics.classification import MulticlassAccuracy

        accuracy = MulticlassAccuracy(self.width, average="micro", validate_args=False)
        return {
            "acc": Measure(accuracy, lambda scores, target: (scores.argmax(1), target.argmax(1)), train=True),
            "kl": Measure(KLDivergence(log_prob=True), self._logs),
        }

    def _logs(self, scores: Tensor, target: Tensor) -> tuple[Tensor, ...]:
        # a log-softmax of log-probabilities changes nothing, so logits and log-probabilities may both come
        return finite_log(target.float()), scores.float().log_softmax(dim=1)


class DistributionTarget(TargetKind):
    """Probabilities over the classes."""

    name = "distribution"
    promise = "probabilities over the classes, (N, C), rows sum to 1"
    class_axis = "column"
    encodings = {"distribution": Distribution}  # noqa: RUF012
    roles = {"single": "target"}  # noqa: RUF012
    ranks_classes = True

    def shape(self, schema: Schema) -> tuple[str | int, ...]:
        return "N", schema.classes or "C"

    def rows(self, prediction: Prediction, schema: Schema, most: int | None = None) -> PredictionRows:
        return class_rows(prediction, schema, most)

    def check(self, batch: Batch, schema: Schema, where: str, ignore_index: int | None = None) -> None:
        target = batch["target"]
        wrong = ~(target >= 0)
        if wrong.any():
            raise refuse_at(wrong, target, where, "A probability is 0 or more.")
        sums = target.sum(dim=1)
        wrong = (sums - 1).abs() > 1e-3
        if wrong.any():
            raise refuse_at(wrong, sums, where, "The probabilities of a sample sum to 1.", "divide each row by its sum")

    def written(self, decision: Tensor, schema: Schema) -> list[str]:
        """The most probable class of a target, and of a decision as it is."""
        names = class_names(schema)
        return [names[index] for index in (decision.argmax(1) if decision.ndim > 1 else decision).tolist()]

    def mistakes(self, prediction: Prediction, target: Tensor, schema: Schema) -> Tensor | None:
        """The total variation distance: half the sum of the absolute differences."""
        if prediction.probability is None:
            return (prediction.decision != target.argmax(1)).float()
        return (prediction.probability - target).abs().sum(1) / 2


KIND = DistributionTarget()
