"""Random numbers for each sample, and what keeps arguments of augmentation within their ranges."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lossbook.errors import refuse


def uniform(images: Tensor, low: float, high: float) -> Tensor:
    """Draw a number in [low, high] for each sample, (N,)."""
    return torch.empty(len(images), device=images.device, dtype=images.dtype).uniform_(low, high)


def chosen(images: Tensor, p: float) -> Tensor:
    """Draw the samples that are changed with probability ``p``; return their indices, (n,)."""
    return (torch.rand(len(images), device=images.device) < p).nonzero().squeeze(1)


def replaced(images: Tensor, places: Tensor, changed: Tensor) -> Tensor:
    """Return the samples (N, ...), with others of their shape (n, ...) at some places (n,)."""
    if images.dtype == torch.uint8 and images[0].numel() % 8 == 0:  # index_copy takes bytes one by one
        wide, new = (one.flatten(1).contiguous().view(torch.int64) for one in (images, changed))
        return wide.index_copy(0, places, new).view(torch.uint8).view(images.shape)
    return images.index_copy(0, places, changed)


def require(holds: bool, given: str, rule: str, fix: str) -> None:
    """Refuse an argument of an augmentation.

    Raises:
        UserError: it does not hold.
    """
    if not holds:
        raise refuse(f"data.augment: {given}", rule, fix)


def require_probability(p: float) -> None:
    """Refuse a ``p`` that is no probability."""
    require(0 <= p <= 1, f"p={p}", "A probability lies between 0 and 1.", "p=0.5")


def span(name: str, values: Sequence[float], rule: str, example: Sequence[float]) -> tuple[float, float]:
    """Return the two bounds of an argument, both above 0 and in order.

    Raises:
        UserError: they are something else; ``rule`` says what they stand for.
    """
    holds = len(values) == 2 and 0 < values[0] <= values[1]
    fix = f"{name}={list(example)}".replace(" ", "")
    require(holds, f"{name}={list(values)}", rule, fix)
    return float(values[0]), float(values[1])
