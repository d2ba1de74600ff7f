from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, roc_auc_score
from torch import tensor

from lossbook.metrics.threshold import BestF1, PairVerification


def updated(metric, scores, targets):
    metric.update(scores[:2], targets[:2])
    metric.update(scores[2:], targets[2:])
    return metric


def test_best_f1_is_scikit_learns_at_the_best_threshold():
    generator = np.random.default_rng(0)
    targets = generator.integers(0, 2, (40, 3))
    scores = (targets + generator.normal(size=(40, 3)) + 5).astype("float32")
    metric = updated(BestF1(3), torch.from_numpy(scores), torch.from_numpy(targets))
    found = float(metric.compute())
    at = [f1_score(targets, scores > value, average="macro") for value in np.unique(scores)[:-1]]
    assert found == pytest.approx(max(at), abs=1e-6)
    assert found == pytest.approx(f1_score(targets, scores > float(metric.threshold), average="macro"), abs=1e-6)


def test_best_f1_keeps_a_threshold_that_it_is_given():
    metric = BestF1(2)
    metric.choose = False
    metric.threshold = tensor(0.5)
    scores, targets = tensor([[0.6, 0.4], [0.1, 0.9], [0.9, 0.2]]), tensor([[0, 1], [0, 1], [1, 0]])
    assert float(updated(metric, scores, targets).compute()) == pytest.approx(2 / 3)
    assert float(metric.threshold) == 0.5


def test_a_label_that_is_neither_there_nor_predicted_scores_0():
    scores, targets = tensor([[0.9, 0.0], [0.1, 0.0], [0.8, 0.0]]), tensor([[1, 0], [0, 0], [1, 0]])
    assert float(updated(BestF1(2), scores, targets).compute()) == pytest.approx(0.5)


distances = st.one_of(st.integers(0, 50_000).map(lambda i: i / 1000), st.integers(0, 3).map(float))
pairs = st.lists(st.tuples(distances, st.booleans()), min_size=3, max_size=20).filter(
    lambda found: len({same for _, same in found}) == 2
)


@settings(max_examples=50)
@given(pairs)
def test_pair_accuracy_is_balanced_at_the_best_threshold(found):
    between, same = tensor([d for d, _ in found]), tensor([s for _, s in found])
    result = {k: float(v) for k, v in updated(PairVerification(), between, same.long()).compute().items()}
    thresholds = [*between.unique().tolist(), float("inf")]
    told = [between < threshold for threshold in thresholds]
    best = max(float((t[same].float().mean() + (~t[~same]).float().mean()) / 2) for t in told)
    expected = {"pair_acc": best, "auroc": roc_auc_score(same, -between)}
    assert result == pytest.approx(expected, abs=1e-5)


def test_the_threshold_of_validation_is_kept():
    metric = PairVerification()
    metric.choose = False
    metric.threshold = tensor(1.0)
    result = updated(metric, tensor([0.5, 1.5, 2.0, 0.1]), tensor([1, 1, 0, 0])).compute()
    assert float(result["pair_acc"]) == 0.5
    assert "threshold" in metric.state_dict()  # it travels with the checkpoint


@pytest.mark.parametrize("same", [0, 1])
def test_one_kind_of_pairs_alone(same):
    result = updated(PairVerification(), torch.rand(4), torch.full((4,), same)).compute()
    assert all(value.isnan() for value in result.values())


def test_a_collapsed_embedding_tells_nothing():
    result = updated(PairVerification(), torch.full((6,), 100.0), tensor([0, 1, 0, 1, 1, 0])).compute()
    assert {k: float(v) for k, v in result.items()} == {"pair_acc": 0.5, "auroc": 0.5}


@pytest.mark.parametrize("metric", [BestF1(2), PairVerification()], ids=["f1", "pair_acc"])
def test_without_a_threshold_from_validation_there_is_no_metric(metric):
    metric.choose = False
    if isinstance(metric, BestF1):
        assert updated(metric, torch.rand(4, 2), torch.ones(4, 2).long()).compute().isnan()
        return
    found = updated(metric, tensor([0.5, 1.5, 2.0, 0.1]), tensor([1, 1, 0, 0])).compute()
    assert found["pair_acc"].isnan()
    assert float(found["auroc"]) == roc_auc_score([1, 1, 0, 0], [-0.5, -1.5, -2.0, -0.1])  # takes no threshold
    assert not any(buffer.isnan().any() for buffer in metric.buffers())  # such weights are not saved
