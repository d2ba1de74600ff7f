from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, f1_score, label_ranking_average_precision_score
from torch import tensor

from lossbook.data.schema import Schema
from lossbook.targets.multilabel import MultiHot, MultiPlusMinusOne, PaddedIndices

SCHEMA = Schema("multilabel", (1,), 10, classes=4)
rows = st.lists(st.lists(st.integers(0, 1), min_size=4, max_size=4), min_size=1, max_size=6).map(tensor)


@given(rows, st.sampled_from([MultiHot, MultiPlusMinusOne, lambda schema: MultiHot(schema, threshold=0.5)]))
def test_scores_that_equal_the_encoded_target_decide_for_it(target, make):
    encoding = make(SCHEMA)
    encoded = encoding.encode(target)
    assert encoded.dtype == torch.float32
    assert torch.equal(encoding.decide(encoded), target)
    assert encoding.expected_shape(target) == encoded.shape


@given(rows)
def test_padded_indices(target):
    encoded = PaddedIndices(SCHEMA).encode(target)
    assert encoded.dtype == torch.int64
    for row, present in zip(encoded.tolist(), target.tolist(), strict=True):
        indices = [i for i, there in enumerate(present) if there]
        assert row == indices + [-1] * (4 - len(indices))


def test_the_share_of_samples_that_teach_nothing_is_followed(objective):
    target = tensor([[0, 0, 0, 0], [1, 1, 1, 1], [1, 0, 1, 0], [0, 0, 0, 1], [0, 1, 1, 1]])
    output = torch.randn(5, 4)
    step = objective("multilabel", "loss=multilabel_margin", "loss.criterion.reduction=none")(
        output, {"target": target}
    )
    assert step.metrics["untaught"] == (step.losses == 0).float().mean() == 0.4
    assert not objective("multilabel", "loss=bce_logits")(output, {"target": target}).metrics


def test_plus_minus_one():
    assert MultiPlusMinusOne(SCHEMA).encode(tensor([[0, 1, 1, 0]])).tolist() == [[-1, 1, 1, -1]]


def metrics(encoding, scores, target):
    found = {}
    for name, measure in encoding.measures().items():
        measure.metric.update(*measure.view(scores, target))
        found[name] = float(measure.metric.compute())
    return found


def drawn(scale):
    generator = np.random.default_rng(2)
    target = generator.integers(0, 2, (50, 4))
    return target, ((target - 0.5 + generator.normal(size=(50, 4))) * scale).astype("float32")


@pytest.mark.parametrize("scale", [0.1, 20.0])
def test_metrics_against_scikit_learn(scale):
    target, scores = drawn(scale)
    found = metrics(MultiHot(SCHEMA), torch.from_numpy(scores), torch.from_numpy(target))
    expected = {
        "acc": ((scores > 0) == target).all(axis=1).mean(),  # exact match
        "f1": f1_score(target, scores > 0, average="macro"),
        "map": average_precision_score(target, scores, average="macro"),
    }
    assert found == pytest.approx(expected, abs=1e-6)


def test_metrics_of_a_ranking():
    target, scores = drawn(5.0)
    found = metrics(PaddedIndices(SCHEMA), torch.from_numpy(scores), torch.from_numpy(target))
    assert found["lrap"] == pytest.approx(label_ranking_average_precision_score(target, scores), abs=1e-6)
    assert found["map"] == pytest.approx(average_precision_score(target, scores, average="macro"), abs=1e-6)
    assert found["f1"] >= f1_score(target, scores > 0, average="macro") - 1e-6  # the best threshold is no worse than 0
