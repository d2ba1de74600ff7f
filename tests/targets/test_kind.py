from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import tensor

from lossbook.data.schema import Schema
from lossbook.errors import UserError
from lossbook.targets import KINDS

INF, NAN = float("inf"), float("nan")
GOOD = [
    ("class", {"target": tensor([0, 2, 1])}),
    ("class", {"target": tensor([0, 2, 1], dtype=torch.uint8)}),
    ("class", {"target": tensor([], dtype=torch.int64)}),
    ("multilabel", {"target": tensor([[0, 1, 0, 1.0]])}),
    ("multilabel", {"target": tensor([[False, True, True, True]])}),
    ("value", {"target": tensor([[-1e30], [2.5]])}),
    ("count", {"target": tensor([[0], [7]])}),
    ("count", {"target": tensor([[0.0], [7.0]])}),
    ("distribution", {"target": tensor([[0.2, 0.3, 0.5], [1, 0, 0]])}),
    ("mask", {"target": tensor([[[0, 1], [2, 2]]])}),
    ("text", {"target": tensor([[0, 2, -1], [1, -1, -1]]), "target_lengths": tensor([2, 1])}),
    ("text", {"target": tensor([[0, 99]]), "target_lengths": tensor([1])}),  # beyond the length nothing is read
    ("pair", {"target": tensor([0, 1])}),
    ("triplet", {}),
    ("none", {}),
]
BAD = [
    ("class", {"target": tensor([0, 3, -1])}, "sample 1: the target holds 3 (and 1 more)", "0..2"),
    ("class", {"target": tensor([0, -100])}, "sample 1: the target holds -100", "0..2"),
    ("class", {"target": tensor([0.0, 1.0])}, "float32", "whole number"),
    ("class", {"target": tensor([[0], [1]])}, "(2, 1)", "(N,)"),  # torch would broadcast its one-hot to N x N
    ("multilabel", {"target": tensor([[0, 1, 2, 0]])}, "holds 2", "0 (absent)"),
    ("multilabel", {"target": tensor([[-1, 1, 1, 1]])}, "holds -1", "0 (absent)"),
    ("multilabel", {"target": tensor([[0.0, 0.5, 0, 0]])}, "holds 0.5", "0 (absent)"),
    ("multilabel", {"target": tensor([[NAN, 1, 1, 1]])}, "holds nan", "0 (absent)"),
    ("multilabel", {"target": tensor([[0, 1]])}, "(1, 2)", "(N, 4)"),
    ("value", {"target": tensor([[1.0], [NAN]])}, "sample 1: the target holds nan", "finite"),
    ("value", {"target": tensor([[-INF]])}, "holds -inf", "finite"),
    ("value", {"target": tensor([1.0, 2.0])}, "(2,)", "(N, 1)"),  # and this one
    ("count", {"target": tensor([[2], [-1]])}, "holds -1", "0 or more"),
    ("count", {"target": tensor([[2.5]])}, "holds 2.5", "whole number"),
    ("count", {"target": tensor([[INF]])}, "holds inf", "whole number"),
    ("count", {"target": tensor([[NAN]])}, "holds nan", "whole number"),
    ("distribution", {"target": tensor([[0.5, 0.6, -0.1]])}, "holds -0.1", "0 or more"),
    ("distribution", {"target": tensor([[1.0, 0, 0], [1, 1, 0]])}, "sample 1: the target holds 2", "sum to 1"),
    ("distribution", {"target": tensor([[NAN, 1, 0]])}, "holds nan", "0 or more"),
    ("distribution", {"target": tensor([[0.5, 0.5]])}, "(1, 2)", "(N, 3)"),
    ("mask", {"target": tensor([[[0, 1], [3, 2]]])}, "holds 3", "0..2"),
    ("mask", {"target": tensor([[[[0]]]])}, "(1, 1, 1, 1)", "(N, H, W)"),
    ("text", {"target": tensor([[0, 3]]), "target_lengths": tensor([2])}, "holds 3", "0..2"),
    ("text", {"target": tensor([[0, -1]]), "target_lengths": tensor([2])}, "holds -1", "0..2"),
    ("text", {"target": tensor([[0, 1]]), "target_lengths": tensor([3])}, "holds 3", "0..2, the width"),
    ("text", {"target": tensor([[0, 1]]), "target_lengths": tensor([-1])}, "holds -1", "length"),
    ("text", {"target": tensor([[0.0, 1]]), "target_lengths": tensor([2])}, "float32", "whole number"),
    ("text", {"target": tensor([[0, 1]])}, "no 'target_lengths'", "text"),
    ("pair", {"target": tensor([1, -1])}, "holds -1", "1 (same) or 0 (different)"),
    ("pair", {"target": tensor([[1], [0]])}, "(2, 1)", "(N,)"),
    ("value", {}, "no 'target'", "value"),
]


@pytest.mark.parametrize(("kind", "batch"), GOOD)
def test_what_keeps_the_promise_passes(schema, kind, batch):
    KINDS[kind].require(batch, schema(kind), "the train part")


@pytest.mark.parametrize(("kind", "batch", "given", "rule"), BAD)
def test_what_breaks_it_is_named(schema, kind, batch, given, rule):
    with pytest.raises(UserError) as caught:
        KINDS[kind].require(batch, schema(kind), "batch 7 of the train part")
    text = str(caught.value)
    assert text.startswith("Batch 7 of the train part")
    assert given in text
    assert rule in text
    assert len(text.splitlines()) <= 4


def test_the_ignored_index_is_allowed_and_no_other(schema):
    KINDS[schema("class").target].require({"target": tensor([0, 255])}, schema("class"), "it", ignore_index=255)
    with pytest.raises(UserError, match=r"0\.\.2 or 255 \(ignored\)"):
        KINDS["class"].require({"target": tensor([0, 254])}, schema("class"), "it", ignore_index=255)


def test_bytes_do_not_wrap_around_to_the_ignored_index(schema):
    """-100 is 156 among them."""
    with pytest.raises(UserError, match="holds 156"):
        KINDS["class"].require(
            {"target": tensor([0, 156], dtype=torch.uint8)}, schema("class"), "it", ignore_index=-100
        )


@given(st.lists(st.integers(-3, 6), min_size=1, max_size=8), st.integers(1, 4), st.sampled_from([None, -2, 5, 0]))
def test_class_targets(values, classes, ignored):
    right = all(0 <= value < classes or value == ignored for value in values)
    data = Schema("class", (1,), 1, classes=classes)
    if right:
        KINDS[data.target].require({"target": tensor(values)}, data, "it", ignored)
    else:
        with pytest.raises(UserError):
            KINDS[data.target].require({"target": tensor(values)}, data, "it", ignored)
