"""The log-sum-exp of each row of a similarity matrix, without holding the matrix."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def row_log_sum_exp(query: Tensor, key: Tensor, scale: Tensor, skip: Tensor | None, block_size: int | None) -> Tensor:
    """log(sum_j exp(scale * q_i . k_j)) for each query, (N,).

    Args:
        query, key: (N, D) and (M, D).
        scale: a scalar tensor.
        skip: (N,) index of a key that each query leaves out, or None.
        block_size: rows held at a time, or None for the whole matrix.
    """
    if block_size is None or block_size >= len(query):
        return _similarities(query, key, scale, skip, 0).logsumexp(dim=1)
    return _Blocks.apply(query, key, scale, skip, block_size)


def _similarities(query: Tensor, key: Tensor, scale: Tensor, skip: Tensor | None, start: int) -> Tensor:
    rows = scale * (query @ key.T)
    if skip is not None:
        rows = rows.scatter(1, skip[start : start + len(query), None], -torch.inf)
    return rows


class _Blocks(torch.autograd.Function):
    """Keeps one number a row; each block of the matrix is computed again for its gradient."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, scale: Tensor, skip: Tensor | None, block_size: int) -> Tensor:
        rows = [
            _similarities(query[start : start + block_size], key, scale, skip, start).logsumexp(dim=1)
            for start in range(0, len(query), block_size)
        ]
        result = torch.cat(rows)
        ctx.save_for_backward(query, key, scale, result)
        ctx.skip, ctx.block_size = skip, block_size
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        query, key, scale, result = ctx.saved_tensors
        to_query, to_key, to_scale = torch.empty_like(query), torch.zeros_like(key), torch.zeros_like(scale)
        for start in range(0, len(query), ctx.block_size):
            block = slice(start, start + ctx.block_size)
            rows = _similarities(query[block], key, scale, ctx.skip, start)
            weights = (rows - result[block, None]).exp() * gradient[block, None]
            pulled = weights @ key
            to_query[block] = scale * pulled
            to_key += scale * (weights.T @ query[block])
            to_scale += (pulled * query[block]).sum()
        return to_query, to_key, to_scale, None, None
