from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import d2_tweedie_score, r2_score
from torch import tensor

from lossbook.metrics.explained import R2, PoissonD2


def in_two(metric, predicted, target):
    """The metric of two uneven batches."""
    metric.update(predicted[:3], target[:3])
    metric.update(predicted[3:], target[3:])
    return float(metric.compute())


@pytest.mark.parametrize("columns", [1, 3])
@pytest.mark.parametrize("offset", [0.0, 1e5])  # far from zero, sums of squares in float32 have no digits left
def test_r2(columns, offset):
    generator = np.random.default_rng(0)
    target = (generator.normal(size=(30, columns)) + offset).astype("float32")
    predicted = (target + 0.5 * generator.normal(size=(30, columns))).astype("float32")
    expected = r2_score(target.astype(float), predicted.astype(float))
    assert in_two(R2(), torch.from_numpy(predicted), torch.from_numpy(target)) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("scale", [1e-6, 2e-3, 1e6])
def test_r2_does_not_depend_on_the_unit(scale):
    generator = np.random.default_rng(1)
    target, predicted = generator.random((2, 40, 1)) * scale
    expected = r2_score(target, predicted)
    assert expected < 0
    assert in_two(R2(), torch.from_numpy(predicted), torch.from_numpy(target)) == pytest.approx(expected, rel=1e-5)


def test_r2_of_columns_that_do_not_vary():
    target = torch.stack([torch.full((6,), 0.1), torch.arange(6.0)], dim=1)
    predicted = target + tensor([[1.0, -1.0]])
    expected = r2_score(target[:, 1], predicted[:, 1])  # scikit-learn would put a 0 in the place of the other column
    assert in_two(R2(), predicted, target) == pytest.approx(expected)
    assert np.isnan(in_two(R2(), predicted[:, 0], target[:, 0]))


def test_r2_of_one_sample_is_not_defined():
    metric = R2()
    metric.update(tensor([[1.0]]), tensor([[2.0]]))
    assert metric.compute().isnan()


@given(
    st.lists(st.tuples(st.integers(0, 20), st.floats(0.05, 30)), min_size=4, max_size=20).filter(
        lambda pairs: len({count for count, _ in pairs}) > 1
    )
)
def test_poisson_d2(pairs):
    target, rates = np.array(pairs).T
    expected = d2_tweedie_score(target, rates, power=1)
    got = in_two(PoissonD2(), torch.from_numpy(rates)[:, None], torch.from_numpy(target)[:, None])
    assert got == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_poisson_d2_of_the_mean_is_zero():
    target = tensor([0.0, 1.0, 5.0, 2.0])
    assert in_two(PoissonD2(), torch.full((4,), 2.0), target) == pytest.approx(0)


@pytest.mark.parametrize("count", [0.0, 3.0])
def test_poisson_d2_without_variation_is_not_defined(count):
    assert np.isnan(in_two(PoissonD2(), torch.full((5,), 2.0), torch.full((5,), count)))
