"""What the objective of one target says of a batch."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor


@dataclass
class LossResult:
    """The loss of a batch, and what its metrics are made of.

    Args:
        loss: a scalar with its gradient.
        weight: the batch's share in the mean of an epoch.
        scores: what metrics decide upon, without gradient.
        target: the data's own target, or None.
        metrics: further metrics of the batch, scalars without gradient.
        losses: the losses of single samples or elements where the criterion does not reduce them, or None.
        count: the batch's share in the means of ``metrics`` where that is not ``weight``, or None.
    """

    loss: Tensor
    weight: float | Tensor
    scores: Tensor
    target: Tensor | None
    metrics: dict[str, Tensor] = field(default_factory=dict)
    losses: Tensor | None = None
    count: float | Tensor | None = None
