"""A 0/1 vector a sample: which labels are present."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lossbook.data.positive_class import class_names
from lossbook.targets.drawing import captioned_images
from lossbook.targets.encoding import Encoding, Measure, Prediction, Probabilities, calibrated, squash
from lossbook.targets.kind import Batch, TargetKind, is_image, most_frequent, refuse_at
from lossbook.targets.rows import PredictionRows

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor
    from torchmetrics import Metric

    from lossbook.data.schema import Schema


class MultiHot(Encoding):
    """1 for each label that is present and 0 for the others, float32.

    Args:
        threshold: the score above which a label counts as present.
        negative: what stands for an absent label: 0, or -1 for margins.
    """

    calibrates = True

    def __init__(self, schema: Schema, threshold: float = 0.0, negative: int = 0) -> None:
        super().__init__(schema)
        self.threshold = threshold
        self.negative = negative

    @property
    def width(self) -> int:
        assert self.schema.classes
        return self.schema.classes

    def encode(self, target: Tensor) -> Tensor:
        return target.float() * (1 - self.negative) + self.negative

    def decide(self, scores: Tensor) -> Tensor:
        """Return 0/1 vectors (N, C)."""
        return (scores > self.threshold).long()

    def predict(
        self, scores: Tensor, probabilities: Probabilities | None = None, thresholds: Mapping[str, Tensor] | None = None
    ) -> Prediction:
        if probabilities is None:
            return Prediction(self.decide(scores))
        each = calibrated(self.exclusive(probabilities(scores)), thresholds, dim=-1)
        return Prediction(self.decide(scores), each[..., 1])

    def exclusive(self, probability: Tensor) -> Tensor:
        """Return the probabilities (N, C, 2) that a label is absent, and that it is present."""
        import torch

        return torch.stack([1 - probability, probability], dim=-1)

    def measures(self) -> dict[str, Measure]:
        from torchmetrics.classification import MultilabelExactMatch, MultilabelF1Score

        from lossbook.metrics.precision import MeanAveragePrecision

        labels = self.width
        return {
            "acc": Measure(
                MultilabelExactMatch(labels, validate_args=False),
                self._decided,
                train=True,
                hint="exact match: all labels of a sample right",
            ),
            "f1": Measure(
                MultilabelF1Score(labels, average="macro", validate_args=False),
                self._decided,
                hint="mean over the labels",
            ),
            "map": Measure(MeanAveragePrecision(), ranked),
        }

    def _decided(self, scores: Tensor, target: Tensor) -> tuple[Tensor, ...]:
        return self.decide(scores), target.long()


class MultiPlusMinusOne(MultiHot):
    """+1 for each label that is present and -1 for the others, float32."""

    def __init__(self, schema: Schema) -> None:
        super().__init__(schema, negative=-1)


class PaddedIndices(MultiHot):
    """The indices of the labels that are present, padded with -1 to the number of labels, int64.

    A margin between labels says nothing of an absolute zero, so the metrics are of the ranking; F1 takes
    the one threshold that is best on validation. A sample that bears no label, or all of them, has nothing to rank
    and a loss of 0: ``untaught`` is the share of such.
    """

    def batch_metrics(self, target: Tensor) -> dict[str, Tensor]:
        present = (target > 0).sum(dim=1)
        return {"untaught": ((present == 0) | (present == self.width)).float().mean()}

    def predict(
        self, scores: Tensor, probabilities: Probabilities | None = None, thresholds: Mapping[str, Tensor] | None = None
    ) -> Prediction:
        threshold = (thresholds or {}).get("f1", self.threshold)
        return Prediction((scores > threshold).long())

    def encode(self, target: Tensor) -> Tensor:
        import torch

        labels = target.shape[1]
        indices = torch.arange(labels, device=target.device).expand_as(target)
        # Absent labels sort behind all others, and then become padding.
        sorted_indices = torch.where(target > 0, indices, labels).sort(dim=1).values
        return sorted_indices.masked_fill(sorted_indices == labels, -1)

    def measures(self) -> dict[str, Measure]:
        from torchmetrics.classification import MultilabelRankingAveragePrecision

        from lossbook.metrics.precision import MeanAveragePrecision
        from lossbook.metrics.threshold import BestF1

        labels = self.width
        return {
            "lrap": Measure(MultilabelRankingAveragePrecision(labels, validate_args=False), ranked, train=True),
            "map": Measure(MeanAveragePrecision(), ranked),
            "f1": Measure(
                BestF1(labels),
                lambda scores, target: (scores, target.long()),
                hint="mean over the labels, at the threshold that is best on validation",
            ),
        }


class MultilabelTarget(TargetKind):
    """Any number of labels a sample."""

    name = "multilabel"
    promise = "a 0/1 vector a sample, (N, C)"
    mixing = "losses"
    class_axis = "column"
    encodings = {  # noqa: RUF012
        "one_hot": MultiHot,
        "plus_minus_one": MultiPlusMinusOne,
        "padded_indices": PaddedIndices,
    }
    roles = {"single": "target"}  # noqa: RUF012

    def shape(self, schema: Schema) -> tuple[str | int, ...]:
        return "N", schema.classes or "C"

    def check(self, batch: Batch, schema: Schema, where: str, ignore_index: int | None = None) -> None:
        target = batch["target"]
        wrong = (target != 0) & (target != 1)
        if wrong.any():
            raise refuse_at(wrong, target, where, "A multilabel target is a vector of 0 (absent) and 1 (present).")

    def statistics(self, target: Tensor, schema: Schema) -> dict[str, Any]:
        # another shape is refused where targets are checked
        return {"class_counts": tuple(target.reshape(len(target), -1).long().sum(0).tolist())}

    def picture(self, batch: Batch, prediction: Prediction, schema: Schema) -> Figure | None:
        images, target = batch["input"], batch["target"].long()
        if not is_image(images):
            return None
        captions = [
            f"{said or 'none'}, not {true or 'none'}" if said != true else said or "none"
            for said, true in zip(self.written(prediction.decision, schema), self.written(target, schema), strict=True)
        ]
        wrong = (prediction.decision != target).any(1).tolist()
        return captioned_images(images, captions, wrong)

    def written(self, decision: Tensor, schema: Schema) -> list[str]:
        names = class_names(schema)
        return [" ".join(name for name, there in zip(names, row, strict=True) if there) for row in decision.tolist()]

    def confusion(self, schema: Schema, ignore_index: int | None = None) -> Metric | None:
        from torchmetrics.classification import MultilabelConfusionMatrix

        assert schema.classes
        return MultilabelConfusionMatrix(schema.classes, validate_args=False)

    def mistakes(self, prediction: Prediction, target: Tensor, schema: Schema) -> Tensor | None:
        """The number of wrong labels."""
        return (prediction.decision != target).sum(1).float()

    def rows(self, prediction: Prediction, schema: Schema, most: int | None = None) -> PredictionRows:
        names = class_names(schema)
        labels = prediction.decision.numpy()
        columns: dict[str, Any] = {"prediction": self.written(prediction.decision, schema)}
        if prediction.probability is None:
            return PredictionRows(labels, columns)
        probability = prediction.probability.float().numpy()
        columns |= {f"p_{name}": column for name, column in zip(names, probability.T, strict=True)}
        return PredictionRows(labels, columns, None, probability)

    def chance(self, metric: str, target: Tensor | None, schema: Schema) -> tuple[float, str] | None:
        return most_frequent(target) if metric == "acc" and target is not None else None


def ranked(scores: Tensor, target: Tensor) -> tuple[Tensor, ...]:
    return squash(scores), target.long()


KIND = MultilabelTarget()
