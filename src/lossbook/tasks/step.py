"""What one batch gives: the loss to descend, and what the curves and metrics are made of."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor


@dataclass
class Step:
    """The outcome of an objective on one batch.

    Args:
        loss: a scalar with its gradient.
        weight: the batch's share in the mean of an epoch.
        scores: what metrics decide upon, without gradient.
        target: the data's own target, or None.
        figures: further figures of the batch, scalars without gradient.
        losses: the losses of single samples or elements where the criterion does not reduce them, or None.
        count: the batch's share in the means of the figures where that is not ``weight``, or None.
    """

    loss: Tensor
    weight: float | Tensor
    scores: Tensor
    target: Tensor | None
    figures: dict[str, Tensor] = field(default_factory=dict)
    losses: Tensor | None = None
    count: float | Tensor | None = None
