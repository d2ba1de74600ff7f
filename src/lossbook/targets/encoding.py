"""The encoding: the one place that owns all that follows from how a loss wants its target."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from lossbook.data.schema import Schema

Scores = Tensor  # what the criterion was given, detached: after the contract's activation


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
    view: Callable[[Scores, Tensor], tuple[Tensor, ...]]
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


class Encoding(ABC):
    """How targets of one kind become a criterion's, and how its scores become decisions and metrics.

    Args:
        schema: what the data promises.
    """

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
        """The criterion's target."""

    @abstractmethod
    def decide(self, scores: Scores) -> Tensor:
        """The prediction, in the terms and units of the data's own target."""

    @abstractmethod
    def measures(self) -> dict[str, Measure]:
        """Fresh metrics by name, the primary first."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know of these targets before training, a line each."""
        return ()

    def placed(self, scores: Scores) -> Tensor:
        """The activated output, moved to where the criterion wants it to start; as it is by default."""
        return scores

    def figures(self, target: Tensor) -> dict[str, Tensor]:
        """Figures of a batch's target that belong beside the loss, by name: what of it the loss cannot use."""
        return {}

    def expected_shape(self, target: Tensor) -> tuple[int, ...]:
        """The shape that the model's output must have for this target."""
        return (target.shape[0], self.width)


def squash(scores: Scores) -> Tensor:
    """Scores as numbers in (0, 1) in the same order, for metrics that take probabilities but use only their ranks.

    A sigmoid rounds all scores above 17 to 1, so that their order is lost; x / (1 + |x|) keeps it much longer.
    """
    scores = scores.double()
    return 0.5 + 0.5 * scores / (1 + scores.abs())


def on_device(values: Any, like: Tensor) -> Tensor:
    """A constant as a tensor beside another one."""
    return torch.as_tensor(values, dtype=torch.float32, device=like.device)
