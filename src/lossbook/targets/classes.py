"""Encodings of a class a sample: an index, or a vector over the classes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score

from lossbook.data.positive_class import class_names
from lossbook.data.schema import Schema
from lossbook.metrics.f1 import ClassF1
from lossbook.metrics.precision import MeanAveragePrecision
from lossbook.targets.encoding import Encoding, Measure, Scores, squash


class ClassEncoding(Encoding):
    """What all encodings of a class share: the decision is the class of the highest score."""

    @property
    def width(self) -> int:
        assert self.schema.classes
        return self.schema.classes

    def decide(self, scores: Scores) -> Tensor:
        """Class indices (N,) from scores (N, C)."""
        return scores.argmax(dim=1)

    def measures(self) -> dict[str, Measure]:
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

    def _decided(self, scores: Scores, target: Tensor) -> tuple[Tensor, ...]:
        return self.decide(scores), target


class Index(ClassEncoding):
    """The class index as it is, int64.

    Args:
        ignore_index: the index that the criterion passes over, if it knows one.
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
        one_hot = target[:, None] if self.single else F.one_hot(target, self.width)
        return one_hot.float() * (1 - self.negative) + self.negative

    def decide(self, scores: Scores) -> Tensor:
        return (scores[:, 0] > self.threshold).long() if self.single else super().decide(scores)

    def measures(self) -> dict[str, Measure]:
        return {**super().measures(), "map": Measure(MeanAveragePrecision(), self._ranked)}

    def _ranked(self, scores: Scores, target: Tensor) -> tuple[Tensor, ...]:
        ranks = squash(scores)
        ranks = torch.cat([1 - ranks, ranks], dim=1) if self.single else ranks
        return ranks, F.one_hot(target, ranks.shape[1])


class PlusMinusOne(OneHot):
    """+1 for the class and -1 for the others, float32; one output with two classes."""

    def __init__(self, schema: Schema, binary: bool = True) -> None:
        super().__init__(schema, binary=binary, negative=-1)


class Smoothed(ClassEncoding):
    """A distribution with 1 - smoothing on the class and the rest spread over all classes.

    Args:
        smoothing: the probability taken from the class, in [0, 1) (Szegedy et al. 2016, section 7).
        log_target: give log-probabilities, for a criterion that wants its target so.
    """

    def __init__(self, schema: Schema, smoothing: float = 0.1, log_target: bool = False) -> None:
        super().__init__(schema)
        self.smoothing = smoothing
        self.log_target = log_target

    def encode(self, target: Tensor) -> Tensor:
        classes = self.width
        uniform = self.smoothing / classes
        encoded = F.one_hot(target, classes).float() * (1.0 - self.smoothing) + uniform
        # without smoothing, log 0 is -inf and 0 * -inf nan; the smallest number that is not 0 stands in for it
        return encoded.clamp_min(torch.finfo(encoded.dtype).tiny).log() if self.log_target else encoded


class PaddedClass(ClassEncoding):
    """The class index, padded with -1 to the number of classes, as multilabel margins want it."""

    def encode(self, target: Tensor) -> Tensor:
        padded = target.new_full((target.shape[0], self.width), -1)
        padded[:, 0] = target
        return padded
