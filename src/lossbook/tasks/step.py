"""What a task says of a batch: the loss to descend, and what curves and metrics are made of."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from lossbook.losses.result import LossResult


@dataclass
class TermLoss:
    """The loss of one term on a batch, before the term's weight.

    Args:
        loss: a scalar without gradient.
        weight: the batch's share in the mean of an epoch: the number of samples, pixels, pairs, ... that count.
    """

    loss: Tensor
    weight: float | Tensor

    @classmethod
    def of(cls, result: LossResult) -> TermLoss:
        """Return the loss of an objective's result, without its gradient."""
        return cls(result.loss.detach(), result.weight)


@dataclass
class Observation:
    """What the metrics of one head see of a batch.

    Args:
        scores: what they decide upon, without gradient.
        target: the data's own target, or None.
        metrics: metrics of this batch itself, scalars without gradient.
        count: the batch's share in the means of ``metrics``.
    """

    scores: Tensor
    target: Tensor | None
    metrics: dict[str, Tensor] = field(default_factory=dict)
    count: float | Tensor = 1.0

    @classmethod
    def of(cls, result: LossResult) -> Observation:
        """Return what an objective's result has for metrics."""
        count = result.weight if result.count is None else result.count
        return cls(result.scores, result.target, result.metrics, count)


@dataclass
class Step:
    """The outcome of a task on one batch.

    Args:
        loss: a scalar with its gradient, the weighted sum of all terms.
        terms: by name, as ``Task.terms`` has them; the empty name where there is one alone.
        heads: what was observed, by the head's name; the empty name where there is one alone.
        losses: those of single samples or elements, of a single term whose criterion does not reduce them, or None.
    """

    loss: Tensor
    terms: dict[str, TermLoss]
    heads: dict[str, Observation] = field(default_factory=dict)
    losses: Tensor | None = None

    @classmethod
    def of(cls, result: LossResult, term: str = "", head: str = "", weight: float = 1.0) -> Step:
        """Return the step of one term, the only one or the first.

        Args:
            result: of its objective.
            term: its name.
            head: whose target it is computed on; empty for the only one.
            weight: of the term.
        """
        loss = result.loss if weight == 1 else weight * result.loss
        return cls(loss, {term: TermLoss.of(result)}, {head: Observation.of(result)}, result.losses)

    def add(self, name: str, loss: Tensor, weight: float, count: float | Tensor) -> None:
        """Add a term to the loss.

        Args:
            name: of the term, as ``Task.add_term`` has it.
            loss: a scalar with its gradient.
            weight: of the term.
            count: the batch's share in the mean of an epoch.
        """
        self.loss = self.loss + weight * loss
        self.terms[name] = TermLoss(loss.detach(), count)
        self.losses = None

    @property
    def weight(self) -> float | Tensor:
        """The batch's share among those of one optimizer step; of several terms that of the first."""
        return next(iter(self.terms.values())).weight
