"""A class a sample: an index, or a vector over the classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from lossbook.data.positive_class import class_names
from lossbook.targets.drawing import captioned_images
from lossbook.targets.embeddings import Embedding
from lossbook.targets.encoding import Encoding, Measure, Prediction, Probabilities, calibrated, squash
from lossbook.targets.kind import Batch, TargetKind, class_counts, is_image, most_frequent, refuse_at, refuse_type
from lossbook.targets.rows import PredictionRows

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor
    from torchmetrics import Metric

    from lossbook.data.schema import Schema


class ClassEncoding(Encoding):
    """What all encodings of a class share: the decision is the class of the highest score."""

    calibrates = True

    @property
    def width(self) -> int:
        assert self.schema.classes
        return self.schema.classes

    def decide(self, scores: Tensor) -> Tensor:
        """Return class indices (N,) from scores (N, C)."""
        return scores.argmax(dim=1)

    def predict(
        self, scores: Tensor, probabilities: Probabilities | None = None, thresholds: Mapping[str, Tensor] | None = None
    ) -> Prediction:
        decision = self.decide(scores)
        if probabilities is None:
            return Prediction(decision)
        each = calibrated(self.exclusive(probabilities(scores)), thresholds)
        return Prediction(decision, each, each.gather(1, decision.unsqueeze(1)).squeeze(1))

    def exclusive(self, probability: Tensor) -> Tensor:
        """Return the probability of every class (N, C), where outputs are fewer, too."""
        return probability

    def measures(self) -> dict[str, Measure]:
        from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score

        from lossbook.metrics.f1 import ClassF1

        classes = self.schema.classes
        assert classes
        kwargs: dict[str, Any] = {"validate_args": False, "ignore_index": self.ignore_index}
        acc = Measure(MulticlassAccuracy(classes, average="micro", **kwargs), self._decided, train=True)
        if classes == 2:
            positive = 1 if self.schema.positive is None else self.schema.positive
            name = class_names(self.schema)[positive]
            f1 = Measure(ClassF1(positive, **kwargs), self._decided, hint=f"of the class {name} (data.positive_class)")
        else:
            macro = MulticlassF1Score(classes, average="macro", **kwargs)
            f1 = Measure(macro, self._decided, hint="mean over the classes")
        return {"acc": acc, "f1": f1}

    def _decided(self, scores: Tensor, target: Tensor) -> tuple[Tensor, ...]:
        return self.decide(scores), target


class Index(ClassEncoding):
    """The class index as it is, int64.

    Args:
        ignore_index: the index that the criterion leaves out, if it knows one.
    """

    def __init__(self, schema: Schema, ignore_index: int | None = None) -> None:
        super().__init__(schema)
        self._ignore_index = ignore_index

    @property
    def ignore_index(self) -> int | None:
        return self._ignore_index

    def encode(self, target: Tensor) -> Tensor:
        return target


class OneHot(ClassEncoding):
    """1 for the class and 0 for the others, float32.

    Args:
        binary: with two classes, one output for the second class in place of two.
        threshold: the score above which that one output says the second class.
        negative: what stands for "not this class": 0, or -1 for margins.
    """

    def __init__(self, schema: Schema, binary: bool = False, threshold: float = 0.0, negative: int = 0) -> None:
        super().__init__(schema)
        self.threshold = threshold
        self.negative = negative
        self.single = binary and schema.classes == 2

    @property
    def width(self) -> int:
        return 1 if self.single else super().width

    def encode(self, target: Tensor) -> Tensor:
        one_hot = target[:, None] if self.single else _one_hot(target, self.width)
        return one_hot.float() * (1 - self.negative) + self.negative

    def decide(self, scores: Tensor) -> Tensor:
        return (scores[:, 0] > self.threshold).long() if self.single else super().decide(scores)

    def exclusive(self, probability: Tensor) -> Tensor:
        return _both(probability) if self.single else probability

    def measures(self) -> dict[str, Measure]:
        from lossbook.metrics.precision import MeanAveragePrecision

        return {**super().measures(), "map": Measure(MeanAveragePrecision(), self._ranked)}

    def _ranked(self, scores: Tensor, target: Tensor) -> tuple[Tensor, ...]:
        ranks = squash(scores)
        ranks = _both(ranks) if self.single else ranks
        return ranks, _one_hot(target, ranks.shape[1])


class PlusMinusOne(OneHot):
    """+1 for the class and -1 for the others, float32; one output with two classes."""

    def __init__(self, schema: Schema, binary: bool = True) -> None:
        super().__init__(schema, binary=binary, negative=-1)


class Smoothed(ClassEncoding):
    """A distribution with 1 - smoothing on the class and the rest spread over all classes.

    Args:
        smoothing: the probability taken from the class, in [0, 1) (Szegedy et al. 2016, section 7).
        log_target: give log-probabilities, for a criterion that takes its target so.
    """

    def __init__(self, schema: Schema, smoothing: float = 0.1, log_target: bool = False) -> None:
        super().__init__(schema)
        self.smoothing = smoothing
        self.log_target = log_target

    def encode(self, target: Tensor) -> Tensor:
        classes = self.width
        uniform = self.smoothing / classes
        encoded = _one_hot(target, classes).float() * (1.0 - self.smoothing) + uniform
        return finite_log(encoded) if self.log_target else encoded


class PaddedClass(ClassEncoding):
    """The class index, padded with -1 to the number of classes, as multilabel margins take it."""

    def encode(self, target: Tensor) -> Tensor:
        padded = target.new_full((target.shape[0], self.width), -1)
        padded[:, 0] = target
        return padded


class ClassTarget(TargetKind):
    """One class index a sample."""

    name = "class"
    promise = "one class index a sample, (N,) int64"
    views = True
    class_axis = "index"
    encodings = {  # noqa: RUF012
        "index": Index,
        "one_hot": OneHot,
        "plus_minus_one": PlusMinusOne,
        "padded_indices": PaddedClass,
        "smoothed": Smoothed,
        "embedding": Embedding,
    }
    roles = dict.fromkeys(("pairs", "triplets", "views", "embeddings"), "embedding") | {"single": "target"}
    ranks_classes = True

    def check(self, batch: Batch, schema: Schema, where: str, ignore_index: int | None = None) -> None:
        check_indices(batch["target"], schema, where, ignore_index)

    def prepared(self, target: Tensor) -> Tensor:
        return target.long()  # torch indexes by no other

    def statistics(self, target: Tensor, schema: Schema) -> dict[str, Any]:
        return {"class_counts": class_counts(target, schema.classes)}

    def picture(self, batch: Batch, prediction: Prediction, schema: Schema) -> Figure | None:
        images, target, decision = batch["input"], batch["target"], prediction.decision
        if not is_image(images) or decision.shape != target.shape:  # an embedding decides nothing
            return None
        names = class_names(schema)
        captions = [
            names[said] if said == true else f"{names[said]}, not {names[true] if 0 <= true < len(names) else true}"
            for said, true in zip(decision.tolist(), target.tolist(), strict=True)
        ]
        return captioned_images(images, captions, (decision != target).tolist())

    def written(self, decision: Tensor, schema: Schema) -> list[str]:
        names = class_names(schema)
        return [names[index] if 0 <= index < len(names) else str(index) for index in decision.tolist()]

    def confusion(self, schema: Schema, ignore_index: int | None = None) -> Metric | None:
        from torchmetrics.classification import MulticlassConfusionMatrix

        assert schema.classes
        return MulticlassConfusionMatrix(schema.classes, ignore_index=ignore_index, validate_args=False)

    def mistakes(self, prediction: Prediction, target: Tensor, schema: Schema) -> Tensor | None:
        """The confidence of a wrong decision; 1 where there is none."""
        decision = prediction.decision
        if decision.shape != target.shape:  # an embedding decides nothing
            return None
        wrong = ((decision != target) & (target >= 0)).float()
        return wrong if prediction.confidence is None else wrong * prediction.confidence.float()

    def rows(self, prediction: Prediction, schema: Schema, most: int | None = None) -> PredictionRows:
        return class_rows(prediction, schema, most)

    def chance(self, metric: str, target: Tensor | None, schema: Schema) -> tuple[float, str] | None:
        return most_frequent(target, schema.class_names) if metric == "acc" and target is not None else None


def class_rows(prediction: Prediction, schema: Schema, most: int | None = None) -> PredictionRows:
    """Return the name of each sample's class, and the probability of each class; see ``TargetKind.rows``."""
    names = np.array(class_names(schema), dtype=object)
    values = names[prediction.decision.numpy()]
    columns: dict[str, Any] = {"prediction": values}
    if prediction.probability is None or prediction.confidence is None:
        return PredictionRows(values, columns)
    probability, confidence = prediction.probability.float(), prediction.confidence.float().numpy()
    columns["confidence"] = confidence
    if most is None:
        columns |= {f"p_{name}": column for name, column in zip(names, probability.numpy().T, strict=True)}
    else:
        first = probability.topk(most, dim=1)
        for place, (share, index) in enumerate(zip(first.values.T, first.indices.T, strict=True), 1):
            columns |= {f"top_{place}": names[index.numpy()], f"p_top_{place}": share.numpy()}
    return PredictionRows(values, columns, confidence, probability.numpy())


def check_indices(target: Tensor, schema: Schema, where: str, ignore_index: int | None) -> None:
    """Refuse class indices that are no whole numbers, or none of the schema's classes."""
    assert schema.classes
    if target.is_floating_point() or target.is_complex():
        raise refuse_type(target, where, "class targets", "A class is a whole number (int64).", "target.long()")
    if target.numel() == 0:
        return
    low, high = (int(v) for v in target.aminmax())
    if low >= 0 and high < schema.classes:
        return
    target = target.long()  # bytes wrap around: -100 would be 156
    wrong = (target < 0) | (target >= schema.classes)
    if ignore_index is not None:
        wrong &= target != ignore_index
    if wrong.any():
        extra = f" or {ignore_index} (ignored)" if ignore_index is not None else ""
        raise refuse_at(wrong, target, where, f"A class index lies in 0..{schema.classes - 1}{extra}.")


def finite_log(probability: Tensor) -> Tensor:
    """Return logarithms of which none is -inf: 0 * -inf would be nan, so the smallest number above 0 stands for 0."""
    import torch

    return probability.clamp_min(torch.finfo(probability.dtype).tiny).log()


def _one_hot(target: Tensor, classes: int) -> Tensor:
    from torch.nn import functional as F

    return F.one_hot(target, classes)


def _both(second: Tensor) -> Tensor:
    """(N, 1) of the second of two classes -> (N, 2)."""
    import torch

    return torch.cat([1 - second, second], dim=1)


KIND = ClassTarget()
