"""What a way of forming inputs hands to the criterion and to the metrics."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor


@dataclass
class Arguments:
    """A batch in the criterion's own terms.

    Args:
        args: the criterion's positional arguments, in its order.
        count: what the criterion's mean divides by.
        scores: what metrics decide upon, detached by the caller.
        target: the data's own target for them, or None.
        metrics: more metrics of this batch, by name.
    """

    args: tuple[Tensor, ...]
    count: int | Tensor
    scores: Tensor
    target: Tensor | None
    metrics: dict[str, Tensor] = field(default_factory=dict)
