from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.metrics import d2_tweedie_score, mean_absolute_error, r2_score, root_mean_squared_error
from torch import tensor

from lossbook.data.schema import Schema
from lossbook.errors import UserError
from lossbook.objectives.encodings.numbers import Numbers, Ranking, Rates, Standardised

VALUES = Schema("value", (1,), 10, width=2, mean=(100.0, -3.0), scale=(20.0, 0.5))
COUNTS = Schema("count", (1,), 10, width=1)


def figures(encoding, scores, target):
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
    found = figures(Standardised(VALUES), scores, target)
    expected = {"r2": r2_score(target, predicted), "mae": mean_absolute_error(target, predicted)}
    # of all elements: the root is taken once
    expected["rmse"] = root_mean_squared_error(target.flatten(), predicted.flatten())
    assert found == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("log", [True, False])
def test_rates(log):
    rates = torch.rand(40, 1) * 5 + 0.1
    target = torch.poisson(rates)
    scores = rates.log() if log else rates
    found = figures(Rates(COUNTS, log_input=log), scores, target)
    exact = (rates.numpy().round() == target.numpy()).mean()
    expected = {"mae": mean_absolute_error(target, rates), "acc": exact}
    expected["d2"] = d2_tweedie_score(target.flatten(), rates.flatten(), power=1)
    assert found == pytest.approx(expected, rel=1e-4)
    torch.testing.assert_close(Rates(COUNTS, log_input=log).decide(scores), rates)


def test_ranking():
    target, scores = torch.rand(20, 1), torch.rand(20, 1)
    found = figures(Ranking(COUNTS), scores, target)
    assert found["spearman"] == pytest.approx(spearmanr(scores.flatten(), target.flatten()).statistic, abs=1e-5)
    pairs = [(i, j) for i in range(20) for j in range(i)]
    right = sum(bool((scores[i] > scores[j]) == (target[i] > target[j])) for i, j in pairs)
    assert found["acc"] == pytest.approx(right / len(pairs))


def test_a_ranking_has_one_column():
    with pytest.raises(UserError, match="An order needs one column"):
        Ranking(VALUES)
