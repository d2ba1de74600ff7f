from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.metrics import d2_tweedie_score, mean_absolute_error, r2_score, root_mean_squared_error
from torch import tensor
from torch.nn import functional as F

from lossbook.data.schema import Schema
from lossbook.errors import UserError
from lossbook.targets.counts import Rates
from lossbook.targets.values import Numbers, Ranking, Standardised

VALUES = Schema("value", (1,), 10, width=2, mean=(100.0, -3.0), scale=(20.0, 0.5))
COUNTS = Schema("count", (1,), 10, width=1)


def metrics(encoding, scores, target):
    found = {}
    for name, measure in encoding.measures().items():
        measure.metric.update(*measure.view(scores, target))
        result = measure.metric.compute()
        found |= {k: float(v) for k, v in (result if isinstance(result, dict) else {name: result}).items()}
    return found


@given(st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)), min_size=1))
def test_round_trip_in_original_units(values):
    target = tensor(values)
    for encoding in (Numbers(VALUES), Standardised(VALUES)):
        torch.testing.assert_close(encoding.decide(encoding.encode(target)), target, rtol=1e-5, atol=1e-3)
        assert encoding.expected_shape(target) == target.shape


def test_standardised_by_column():
    assert Standardised(VALUES).encode(tensor([[100.0, -3.0], [140.0, -2.0]])).tolist() == [[0, 0], [2, 2]]


def test_errors_are_in_original_units():
    target = tensor([[100.0, -3.0], [120.0, -2.0], [90.0, -4.0]])
    scores = Standardised(VALUES).encode(target) + 0.5 * torch.randn(3, 2)
    predicted = scores * tensor([20.0, 0.5]) + tensor([100.0, -3.0])
    found = metrics(Standardised(VALUES), scores, target)
    expected = {"r2": r2_score(target, predicted), "mae": mean_absolute_error(target, predicted)}
    # of all elements: the root is taken once
    expected["rmse"] = root_mean_squared_error(target.flatten(), predicted.flatten())
    assert found == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("log", [True, False])
def test_rates(log):
    rates = torch.rand(40, 1) * 5 + 0.1
    target = torch.poisson(rates)
    scores = rates.log() if log else rates
    found = metrics(Rates(COUNTS, log_input=log), scores, target)
    exact = (rates.numpy().round() == target.numpy()).mean()
    expected = {"mae": mean_absolute_error(target, rates), "acc": exact}
    expected["d2"] = d2_tweedie_score(target.flatten(), rates.flatten(), power=1)
    assert found == pytest.approx(expected, rel=1e-4)
    torch.testing.assert_close(Rates(COUNTS, log_input=log).decide(scores), rates)


@pytest.mark.parametrize("log", [True, False])
def test_rates_start_at_the_mean_of_each_column(log):
    """A column of zeros has no logarithm of its mean, and starts at 1."""
    schema = Schema("count", (1,), 10, width=3, mean=(4748.0, 0.25, 0.0), scale=(9.0, 1.0, 1.0))
    encoding = Rates(schema, log_input=log, start="mean")
    output = torch.zeros(2, 3) if log else F.softplus(torch.zeros(2, 3))
    rates = encoding.decide(encoding.placed(output))
    torch.testing.assert_close(rates, tensor([[4748.0, 0.25, 1.0]] * 2), rtol=1e-5, atol=0)
    assert torch.equal(
        Rates(schema, log_input=log).placed(output), output
    )  # as checkpoints of earlier versions have it


def test_a_start_at_the_mean_needs_a_mean():
    with pytest.raises(UserError, match=r"Fix: loss.accepts.count.start=zero"):
        Rates(COUNTS, start="mean")
    with pytest.raises(UserError, match=r"loss.accepts.count.start=median\n.*mean, zero"):
        Rates(COUNTS, start="median")


def test_counts_are_standardised_and_measured_in_original_units():
    schema = Schema("count", (1,), 4, width=1, mean=(4748.0,), scale=(1500.0,))
    found = metrics(Standardised(schema), tensor([[0.0], [1.0]]), tensor([[4700], [6300]]))
    assert found["mae"] == pytest.approx((48 + 52) / 2)
    assert found["r2"] == pytest.approx(1 - (48**2 + 52**2) / (2 * 800**2), rel=1e-6)


def test_large_targets_that_are_taken_as_they_are_are_noted():
    large = Schema("count", (1,), 4, width=1, mean=(4748.0,), scale=(1500.0,))
    assert "mean or deviation of 4,748" in Numbers(large).notes[0]
    assert "loss.accepts.count=standardised" in Numbers(large).notes[0]
    assert "start: mean" in Rates(large).notes[0]
    for quiet in (Standardised(large), Rates(large, start="mean"), Ranking(large), Numbers(COUNTS)):
        assert quiet.notes == ()


def test_ranking():
    target, scores = torch.rand(20, 1), torch.rand(20, 1)
    found = metrics(Ranking(COUNTS), scores, target)
    assert found["spearman"] == pytest.approx(spearmanr(scores.flatten(), target.flatten()).statistic, abs=1e-5)
    pairs = [(i, j) for i in range(20) for j in range(i)]
    right = sum(bool((scores[i] > scores[j]) == (target[i] > target[j])) for i, j in pairs)
    assert found["acc"] == pytest.approx(right / len(pairs))


def test_a_ranking_has_one_column():
    with pytest.raises(UserError, match="An order needs one column"):
        Ranking(VALUES)
