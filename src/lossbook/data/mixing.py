"""Mixup and CutMix: samples of a training batch that are blended in pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

PARTNER, SHARE = "mix_partner", "mix_share"  # in a batch: whom a sample was mixed with, and its own share, (N,)


@dataclass(frozen=True)
class Mixing:
    """Mixes each input of a batch with another one, each pair by a share of its own from Beta(alpha, alpha).

    Sources: Zhang et al. 2018 (mixup), Yun et al. 2019 (CutMix).

    Args:
        mixup: alpha for sums of two inputs of any shape, or None.
        cutmix: alpha for images (N, C, H, W) with a box of another one, or None. With both, each sample draws one.
    """

    mixup: float | None = None
    cutmix: float | None = None

    def __bool__(self) -> bool:
        return self.mixup is not None or self.cutmix is not None

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Return the batch with mixed inputs, and with ``mix_partner`` and ``mix_share``."""
        inputs = batch["input"]
        partner = torch.randperm(len(inputs), device=inputs.device)
        others = inputs[partner]
        if self.cutmix is None:
            mixed, share = _blended(inputs, others, self.mixup)
        elif self.mixup is None:
            mixed, share = _pasted(inputs, others, self.cutmix)
        else:
            by_box = torch.rand(len(inputs), device=inputs.device) < 0.5
            blended, pasted = _blended(inputs, others, self.mixup), _pasted(inputs, others, self.cutmix)
            mixed, share = (torch.where(_beside(by_box, a), b, a) for a, b in zip(blended, pasted, strict=True))
        return {**batch, "input": mixed, PARTNER: partner, SHARE: share}


def _blended(inputs: Tensor, others: Tensor, alpha: float | None) -> tuple[Tensor, Tensor]:
    share = _beta(inputs, alpha)
    return torch.lerp(others, inputs, _beside(share, inputs)), share


def _pasted(images: Tensor, others: Tensor, alpha: float | None) -> tuple[Tensor, Tensor]:
    from lossbook.data.augment.noise import boxes

    side = (1 - _beta(images, alpha)).sqrt()
    box = boxes(images, side, side)
    return torch.where(box, others, images), 1 - box.to(images.dtype).mean((1, 2, 3))


def _beta(inputs: Tensor, alpha: float | None) -> Tensor:
    assert alpha is not None
    same = torch.tensor(alpha, dtype=torch.float32, device=inputs.device)
    return torch.distributions.Beta(same, same, validate_args=False).sample((len(inputs),)).to(inputs.dtype)


def _beside(column: Tensor, like: Tensor) -> Tensor:
    """A column (N,) in a shape that broadcasts with (N, ...)."""
    return column.view(-1, *[1] * (like.ndim - 1))
