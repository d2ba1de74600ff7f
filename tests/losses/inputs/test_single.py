from __future__ import annotations

import pytest
import torch
from torch import tensor

from lossbook.errors import UserError

CLASS, LABELS = tensor([0, 2, 1, 1]), tensor([[0, 1, 1, 0]] * 4)
WRONG = [
    ("cross_entropy", "class", CLASS, (4, 2)),
    ("cross_entropy", "class", CLASS, (4,)),
    ("cross_entropy", "mask", torch.zeros(2, 4, 4).long(), (2, 3, 4, 5)),
    ("nll", "class", CLASS, (4, 3, 1)),
    ("bce_logits", "multilabel", LABELS, (4, 1)),
    ("mse", "value", torch.zeros(4, 1), (4,)),
    ("l1", "value", torch.zeros(4, 1), (4,)),
    ("smooth_l1", "value", torch.zeros(4, 1), (1, 4)),
    ("poisson_nll", "count", torch.zeros(4, 1), (4,)),
    ("multi_margin", "class", CLASS, (4, 4)),
    ("soft_margin", "class", CLASS, (4, 1)),
    ("kl_div", "class", CLASS, (1, 3)),
    ("multilabel_margin", "multilabel", LABELS, (4, 3)),
    ("multilabel_soft_margin", "multilabel", LABELS, (1, 4)),
]


@pytest.mark.parametrize(("loss", "kind", "target", "shape"), WRONG, ids=lambda v: v if type(v) is str else "")
def test_other_shapes_are_refused_before_torch_broadcasts_them(objective, loss, kind, target, shape):
    with pytest.raises(UserError) as caught:
        objective(kind, f"loss={loss}")(torch.rand(shape), {"target": target})
    assert f"shape {shape}" in str(caught.value)


def test_a_target_that_would_broadcast_never_reaches_the_criterion(objective):
    with pytest.raises(AssertionError, match=r"\[4\].*\[4, 1\]"):
        objective("count", "loss=mse")(torch.randn(4, 1), {"target": torch.zeros(4)})


COUNTS = [
    ("cross_entropy", "class", CLASS, 3, 4),
    ("cross_entropy loss.criterion.weight=[1,2,4]", "class", CLASS, 3, 1 + 4 + 2 + 2),
    ("cross_entropy loss.criterion.ignore_index=1", "class", CLASS, 3, 2),
    ("cross_entropy loss.criterion.ignore_index=1 loss.criterion.weight=[1,2,4]", "class", CLASS, 3, 1 + 4),
    ("cross_entropy loss.criterion.weight=[1,2,4]", "distribution", torch.full((4, 3), 1 / 3), 3, 4),
    ("mse", "class", CLASS, 3, 12),
    ("bce_logits", "multilabel", LABELS, 4, 16),
    ("multilabel_soft_margin", "multilabel", LABELS, 4, 4),
    ("kl_div", "class", CLASS, 3, 4),
]


@pytest.mark.parametrize(("loss", "kind", "target", "width", "count"), COUNTS, ids=lambda v: str(v)[:30])
def test_what_the_mean_divides_by(objective, loss, kind, target, width, count):
    step = objective(kind, *f"loss={loss}".split())(torch.randn(4, width), {"target": target})
    assert float(step.weight) == count
