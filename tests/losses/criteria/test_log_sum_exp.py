from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from lossbook.losses.criteria.log_sum_exp import row_log_sum_exp

SKIP = torch.tensor([3, 0, 8, 8, 1, 2])


def inputs():
    generator = torch.Generator().manual_seed(0)
    query = torch.randn(6, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    key = torch.randn(9, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    return query, key, torch.tensor(1.7, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("skip", [None, SKIP])
@pytest.mark.parametrize("block", [1, 2, 4, 5, 6, 100])
def test_blocks_equal_the_whole_matrix(skip, block):
    query, key, scale = inputs()
    matrix = scale * query @ key.T
    if skip is not None:
        matrix = matrix.masked_fill(torch.arange(9) == skip[:, None], -torch.inf)
    expected, got = matrix.logsumexp(1), row_log_sum_exp(query, key, scale, skip, block)
    torch.testing.assert_close(got, expected)
    weights = torch.arange(1.0, 7).double()
    wanted = torch.autograd.grad(expected @ weights, (query, key, scale))
    torch.testing.assert_close(torch.autograd.grad(got @ weights, (query, key, scale)), wanted)


@pytest.mark.parametrize("skip", [None, SKIP])
@pytest.mark.parametrize("block", [None, 4])
def test_gradient(skip, block):
    query, key, scale = inputs()
    torch.autograd.gradcheck(lambda q, k, s: row_log_sum_exp(q, k, s, skip, block), (query, key, scale))


class Largest(TorchDispatchMode):
    """Notes the largest number of elements that any operation gave."""

    elements = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for value in result if isinstance(result, (tuple, list)) else [result]:
            if isinstance(value, Tensor):
                self.elements = max(self.elements, value.numel())
        return result


def test_blocks_never_hold_the_matrix():
    largest = {}
    for block in (None, 16):
        query, key = torch.randn(256, 8, requires_grad=True), torch.randn(256, 8, requires_grad=True)
        with Largest() as seen:
            row_log_sum_exp(query, key, torch.tensor(1.0), None, block).sum().backward()
        largest[block] = seen.elements
    assert largest == {None: 256 * 256, 16: 16 * 256}


def test_blocks_keep_one_number_a_row():
    """Between the passes, beside their inputs."""
    query, key = torch.randn(256, 8, requires_grad=True), torch.randn(256, 8, requires_grad=True)
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.numel()) or t, lambda t: t):
        row_log_sum_exp(query, key, torch.tensor(1.0), None, 16)
    assert sorted(kept) == [1, 256, 256 * 8, 256 * 8]


def test_blocks_under_autocast():
    """The backward pass computes the block as the forward pass did, so that its weights sum to 1."""
    torch.manual_seed(0)
    gradients = []
    for block in (None, 16):
        torch.manual_seed(0)
        query, key = torch.randn(64, 8, requires_grad=True), torch.randn(64, 8, requires_grad=True)
        with torch.autocast("cpu", torch.bfloat16):
            row_log_sum_exp(query, key, torch.tensor(5.0), None, block).sum().backward()
        gradients.append(query.grad)
    exact = torch.autograd.grad((5 * query.detach().requires_grad_() @ key.T).logsumexp(1).sum(), key)
    assert exact[0].isfinite().all()
    torch.testing.assert_close(gradients[1], gradients[0], rtol=0.05, atol=0.1)
