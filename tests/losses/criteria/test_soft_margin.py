from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import tensor
from torch.nn import functional as F

from lossbook.losses.criteria.soft_margin import SoftMarginLoss

rows = st.lists(st.tuples(st.floats(-80, 80, width=32), st.sampled_from([-1.0, 1.0])), min_size=1, max_size=20)


@given(rows, st.sampled_from(["none", "mean", "sum"]))
def test_equals_torchs_wherever_that_is_finite(pairs, reduction):
    scores, target = tensor(pairs, dtype=torch.float64).T
    scores.requires_grad_()
    got, expected = SoftMarginLoss(reduction)(scores, target), F.soft_margin_loss(scores, target, reduction=reduction)
    torch.testing.assert_close(got, expected, rtol=1e-6, atol=1e-8)
    gradients = [torch.autograd.grad(loss.sum(), scores)[0] for loss in (got, expected)]
    torch.testing.assert_close(*gradients, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("score", [1e4, -1e4, 88.9, -88.9, 0.0])
def test_finite_where_torchs_is_not(score):
    scores, target = tensor([score, score], requires_grad=True), tensor([1.0, -1.0])
    loss = SoftMarginLoss("none")(scores, target)
    loss.sum().backward()
    assert loss.tolist() == pytest.approx([math.log1p(math.exp(-abs(score))) + max(0.0, -score * y) for y in (1, -1)])
    assert scores.grad.isfinite().all()


def test_torchs_own_is_not():
    scores = tensor([100.0], requires_grad=True)
    loss = F.soft_margin_loss(scores, tensor([-1.0]))
    loss.backward()
    assert loss.isinf()
    assert not scores.grad.isfinite().all()
