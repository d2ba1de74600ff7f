from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau, spearmanr
from torch import tensor

from lossbook.metrics.ranking import Ordering

pairs = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=3, max_size=15)


@given(pairs)
def test_against_every_pair(given_pairs):
    scores, targets = tensor(given_pairs).float().T
    metric = Ordering()
    metric.update(scores[:2, None], targets[:2, None])
    metric.update(scores[2:, None], targets[2:, None])
    found = metric.compute()
    told = [
        (scores[i] - scores[j]) * (targets[i] - targets[j]) > 0
        for i, j in itertools.combinations(range(len(scores)), 2)
        if targets[i] != targets[j]
    ]
    if not told:
        assert found["acc"].isnan()
        assert found["spearman"].isnan()
        return
    assert float(found["acc"]) == pytest.approx(sum(map(float, told)) / len(told))
    if scores.unique().numel() > 1:
        assert float(found["spearman"]) == pytest.approx(spearmanr(scores, targets).statistic, abs=1e-5)


def test_equal_scores_are_wrong():
    metric = Ordering()
    metric.update(torch.ones(4), torch.arange(4.0))
    found = {name: float(value) for name, value in metric.compute().items()}
    assert found["acc"] == 0
    assert found["spearman"] == 0 or math.isnan(found["spearman"])


def test_of_100_000_samples():
    """Every pair at once would be ten billion; without ties Kendall's tau is 2 acc - 1."""
    targets = torch.randn(100_000, dtype=torch.float64)
    scores = targets + torch.randn(100_000, dtype=torch.float64)
    metric = Ordering()
    metric.update(scores, targets)
    found = {name: float(value) for name, value in metric.compute().items()}
    expected = {
        "acc": (kendalltau(scores, targets).statistic + 1) / 2,
        "spearman": spearmanr(scores, targets).statistic,
    }
    assert found == pytest.approx(expected, abs=1e-6)
