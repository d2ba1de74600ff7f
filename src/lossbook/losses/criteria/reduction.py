"""The reductions that torch's losses share."""

from __future__ import annotations

from torch import Tensor


def reduce(losses: Tensor, reduction: str) -> Tensor:
    """The losses as they are (``none``), their ``mean`` or their ``sum``."""
    if reduction == "none":
        return losses
    assert reduction in ("mean", "sum"), reduction
    return losses.mean() if reduction == "mean" else losses.sum()
