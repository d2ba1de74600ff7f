from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import tensor

from lossbook.targets import KINDS
from lossbook.targets.encoding import on_device, squash


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=2, unique=True))
def test_squash_keeps_the_order_within_0_and_1(values):
    scores = tensor(values).sort().values
    squashed = squash(scores)
    assert squashed.min() > 0
    assert squashed.max() < 1
    assert (squashed.diff() >= 0).all()
    apart = scores.diff() > 1e-3 * scores.abs().amax().clamp_min(1)
    assert (squashed.diff()[apart] > 0).all()


def test_squash_tells_scores_apart_where_a_sigmoid_does_not():
    scores = tensor([40.0, 50.0])
    assert scores.sigmoid().unique().numel() == 1
    assert squash(scores).unique().numel() == 2


def test_on_device():
    constant = on_device((1, 2.5), like=torch.zeros(3, dtype=torch.int64))
    assert constant.tolist() == [1, 2.5]
    assert constant.dtype == torch.float32


def test_every_kind_has_encodings_that_can_be_made(schema):
    for kind, encodings in ((name, kind.encodings) for name, kind in KINDS.items()):
        for name, make in encodings.items():
            options = {"embedding_dim": 4} if name == "embedding" else {}
            encoding = make(schema(kind), **options)
            assert encoding.width > 0
            # fresh metrics each time: stages must not share their sums
            first, second = encoding.measures(), encoding.measures()
            assert all(first[key].metric is not second[key].metric for key in first)
