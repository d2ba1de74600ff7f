"""Encodings: each owns all that follows from how a loss takes its target."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from torch import Tensor
    from torchmetrics import Metric

    from lossbook.data.schema import Schema

TEMPERATURE = "temperature"  # among the thresholds: that of the probabilities
Probabilities = Callable[["Tensor"], "Tensor"]  # scores -> probabilities of the same shape


@dataclass
class Measure:
    """A metric and the view of scores and targets that it is updated with.

    Args:
        metric: its ``compute`` gives a scalar, or a dict of them by name; then ``gives`` says of each name whether
            larger is better.
        view: (scores, target) -> the arguments of ``metric.update``.
        train: whether it is cheap and telling enough to follow the training batches, too.
        higher_is_better: where the metric itself (torchmetrics' ``higher_is_better``) does not say.
        hint: what the name alone would not tell, in a few words, shown beside the values; or by name, as ``gives``.
    """

    metric: Metric
    view: Callable[[Tensor, Tensor], tuple[Tensor, ...]]
    train: bool = False
    higher_is_better: bool | None = None
    hint: str | Mapping[str, str] = ""

    def directions(self, key: str) -> dict[str, bool | None]:
        """Whether larger is better, for each name that is logged; None where nobody says. ``key``: its own name."""
        gives = getattr(self.metric, "gives", (key,))
        stated = self.metric.higher_is_better if self.higher_is_better is None else self.higher_is_better
        return dict(gives) if isinstance(gives, Mapping) else dict.fromkeys(gives, stated)

    def hints(self, key: str) -> dict[str, str]:
        """The hints by the names that are logged."""
        return dict(self.hint) if isinstance(self.hint, Mapping) else {key: self.hint} if self.hint else {}


@dataclass
class Prediction:
    """What a model says of a batch, in the terms of the data.

    Args:
        decision: class indices (N,) or (N, H, W), labels (N, C) of 0 and 1, values (N, W), symbols (N, S) padded with
            -1, an embedding (N, D), or 1 and 0 (N,) for pairs that belong together or not.
        probability: of each class or label, of the decision's shape with C after the first dimension; None where the
            loss trains no probabilities.
        confidence: the probability of the decision itself, (N,) or one for each pixel; None likewise.
    """

    decision: Tensor
    probability: Tensor | None = None
    confidence: Tensor | None = None


class Encoding(ABC):
    """How targets of one kind become a criterion's, and how its scores become decisions and metrics.

    Scores are what the criterion is given, without gradient: after the contract's activation.

    Args:
        schema: what the data promises.
    """

    role: ClassVar[str] = "target"  # what inputs are formed from it: a target, an embedding, or a ranking
    calibrates: ClassVar[bool] = False  # whether its probabilities are brought to a temperature that validation chooses

    def __init__(self, schema: Schema) -> None:
        self.schema = schema

    @property
    @abstractmethod
    def width(self) -> int:
        """The width K of the model's output: (N, K), (N, K, H, W) or (N, T, K)."""

    @property
    def ignore_index(self) -> int | None:
        """A class index that is no class, allowed among the targets."""
        return None

    @abstractmethod
    def encode(self, target: Tensor) -> Tensor:
        """Return the criterion's target."""

    @abstractmethod
    def decide(self, scores: Tensor) -> Tensor:
        """Return the prediction, in the terms and units of the data's own target."""

    @abstractmethod
    def measures(self) -> dict[str, Measure]:
        """Return fresh metrics by name, the one to watch first."""

    def predict(
        self, scores: Tensor, probabilities: Probabilities | None = None, thresholds: Mapping[str, Tensor] | None = None
    ) -> Prediction:
        """Return decision, probability and confidence.

        Args:
            scores: of a batch.
            probabilities: turns scores into probabilities; None where the loss trains none.
            thresholds: those that metrics of ``measures`` have chosen on validation, by the metric's name.
        """
        return Prediction(self.decide(scores))

    def exclusive(self, probability: Tensor) -> Tensor:
        """Return probabilities that exclude each other, in the last dimension, for a temperature to be chosen."""
        raise NotImplementedError

    def compared(self, decision: Tensor, target: Tensor) -> tuple[Any, ...]:
        """Return a decision and a target as metrics of libraries take them."""
        return decision, target

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know of these targets before training, a line each."""
        return ()

    def placed(self, scores: Tensor) -> Tensor:
        """Return the activated output, shifted to where training should start; as it is by default."""
        return scores

    def batch_metrics(self, target: Tensor) -> dict[str, Tensor]:
        """Return metrics of a batch's target that belong beside the loss: what of it the loss cannot use."""
        return {}

    def expected_shape(self, target: Tensor) -> tuple[int, ...]:
        """Return the shape that the model's output must have for this target."""
        return (target.shape[0], self.width)

    def for_each_class(self, weights: Tensor) -> Tensor:
        """Return weights of classes (C,) in the shape that a criterion takes them in beside this encoding."""
        return weights


def calibrated(probability: Tensor, thresholds: Mapping[str, Tensor] | None, dim: int = 1) -> Tensor:
    """Return probabilities that sum to 1 along ``dim`` at the temperature that validation chose, if it chose one."""
    from lossbook.metrics.temperature import tempered

    return tempered(probability, (thresholds or {}).get(TEMPERATURE), dim)


def squash(scores: Tensor) -> Tensor:
    """Map scores to (0, 1) in the same order, for metrics that take probabilities but use only their ranks.

    A sigmoid rounds all scores above 17 to 1, so that their order is lost; x / (1 + |x|) keeps it much longer.
    """
    scores = scores.double()
    return 0.5 + 0.5 * scores / (1 + scores.abs())


def on_device(values: Any, like: Tensor) -> Tensor:
    """Return a constant as a float32 tensor beside another one."""
    import torch

    return torch.as_tensor(values, dtype=torch.float32, device=like.device)
