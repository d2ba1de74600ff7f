"""The whole batch of all processes, with its gradient."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def gather(*tensors: Tensor) -> tuple[Any, ...]:
    """The number of rows on earlier processes, and each tensor with the rows of all processes.

    Gradients flow back to the process that a row came from. Without that (as in many public implementations) the
    gradient is 1/W of the right one. Batches of different sizes are padded for the way.
    """
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return 0, *tensors
    rows = torch.tensor([len(tensors[0])], device=tensors[0].device)
    sizes = [int(size) for size in _gather_plain(rows)]
    most, rank = max(sizes), dist.get_rank()
    gathered = []
    for tensor in tensors:
        padded = torch.cat([tensor, tensor.new_zeros(most - len(tensor), *tensor.shape[1:])])
        parts = _Gather.apply(padded) if tensor.is_floating_point() else _gather_plain(padded)
        gathered.append(torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)]))
    return sum(sizes[:rank]), *gathered


class _Gather(torch.autograd.Function):
    """Sums, for the rows of this process, the gradients that they have on all."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> tuple[Tensor, ...]:
        return tuple(_gather_plain(tensor))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = torch.stack(gradients)
        dist.all_reduce(total)
        return total[dist.get_rank()]


def _gather_plain(tensor: Tensor) -> list[Tensor]:
    tensor = tensor.contiguous()
    parts = [torch.empty_like(tensor) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, tensor)
    return parts
