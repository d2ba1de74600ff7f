from __future__ import annotations

import numpy as np
import pytest

from lossbook.data.scale import mean_and_scale


def test_values_have_a_population_scale_and_a_constant_column_scale_1() -> None:
    mean, scale = mean_and_scale(np.array([[0.0, 0.1], [4.0, 0.1]]))
    np.testing.assert_allclose(mean, [2, 0.1])
    np.testing.assert_allclose(scale, [2, 1])


@pytest.mark.parametrize("size", [1e-300, 1e-200, 1e200, 1e307])
def test_mean_and_scale_neither_overflow_nor_underflow(size: float) -> None:
    columns = np.array([[1.0, 3.0], [3.0, 3.0], [5.0, 3.0], [7.0, 3.0]])
    mean, scale = mean_and_scale(size * columns)
    np.testing.assert_allclose(mean / size, [4, 3], rtol=1e-12)
    np.testing.assert_allclose(scale / [size, 1], [np.sqrt(5), 1], rtol=1e-12)


def test_mean_and_scale_are_those_of_numpy_to_the_bit() -> None:
    random = np.random.default_rng(0)
    for rows in (2, 7, 100, 1000):
        columns = random.normal(size=(rows, 5)) * 10.0 ** random.integers(-8, 9, 5) + random.normal(size=5)
        mean, scale = mean_and_scale(columns)
        assert np.array_equal(mean, columns.mean(0))
        assert np.array_equal(scale, columns.std(0))
