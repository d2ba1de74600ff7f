"""Moving what must stay exact to another device or dtype, as a trainer's precision asks."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def unrounded(move: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """``move`` (what ``module.to(...)`` applies to each tensor), but no number comes out in fewer bits than before.

    bf16-true casts every module. Sums in bfloat16 stand still at 256 and class weights are rounded; so metrics and
    objectives pass their ``_apply`` through this: they follow the device, and only a wider dtype.
    """

    def moved(tensor: Tensor) -> Tensor:
        result = move(tensor)
        if not (tensor.is_floating_point() and result.is_floating_point()):
            return result
        narrower = torch.finfo(result.dtype).bits < torch.finfo(tensor.dtype).bits
        return tensor.to(result.device) if narrower else result

    return moved
