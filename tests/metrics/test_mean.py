from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import tensor

from lossbook.metrics.mean import WeightedMean

parts = st.lists(st.tuples(st.floats(-1e3, 1e3), st.integers(0, 100)), min_size=2, max_size=12).filter(
    lambda found: sum(weight for _, weight in found) > 0
)


@given(parts)
def test_against_numpy(found):
    values, weights = tensor(found, dtype=torch.float64).T
    metric = WeightedMean()
    metric.update(values[:1], weights[:1])
    metric.update(values[1:], weights[1:])
    assert float(metric.compute()) == pytest.approx(np.average(values, weights=weights), rel=1e-9, abs=1e-9)


def test_small_steps_of_a_long_epoch_are_not_lost():
    """In float32 a sum stops growing where its terms fall below its last digit."""
    metric = WeightedMean()
    metric.update(tensor([1.0]), tensor([1e9]))
    for _ in range(10):
        metric.update(torch.full((100,), 2.0), torch.ones(100))
    assert float(metric.compute() - 1) == pytest.approx(1000 / (1e9 + 1000), rel=1e-6)


def test_nan_shows_and_no_weight_is_0():
    metric = WeightedMean()
    metric.update(tensor([0.0]), tensor([0.0]))
    assert metric.compute() == 0
    metric.update(tensor([torch.nan]), tensor([1.0]))
    assert metric.compute().isnan()
