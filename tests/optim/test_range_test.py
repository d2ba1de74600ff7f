from __future__ import annotations

import math

import numpy as np
import pytest

from lossbook.errors import UserError
from lossbook.optim.range_test import RangeTest, RangeTestCurve, Watch


def test_each_rate_is_the_one_before_times_the_same_factor() -> None:
    over = RangeTest(1e-6, 1.0, 25)
    rates = [over.rate(step) for step in range(26)]
    assert (rates[0], rates[24], rates[25]) == pytest.approx((1e-6, 1.0, 1.0))
    assert np.diff(np.log10(rates[:25])) == pytest.approx(np.full(24, 0.25))


@pytest.mark.parametrize(
    ("numbers", "said"),
    [((0.0, 1.0, 100), "find.min=0"), ((1.0, 0.1, 100), "find.max=0.1"), ((0.1, 1.0, 19), "find.steps=19")],
)
def test_ranges_without_a_curve_are_refused(numbers: tuple[float, float, int], said: str) -> None:
    with pytest.raises(UserError, match=said):
        RangeTest(*numbers)


def curve(noise: float = 0.0) -> RangeTestCurve:
    """Return a curve that falls from 2 to 1 along a logistic function around 1e-3, and rises again from 1e-1."""
    x = np.linspace(-7, 1, 201)
    losses = 2 - 1 / (1 + np.exp(-5 * (x + 3))) + 3 * np.maximum(0, x + 1) ** 2
    return RangeTestCurve(2.0, list(10**x), list(losses + noise * np.random.default_rng(0).normal(size=201)))


@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_the_steepest_fall_and_the_way_to_the_minimum(noise: float) -> None:
    found = curve(noise).suggestion()
    assert found is not None
    assert math.log10(found.steepest) == pytest.approx(-3, abs=0.15)
    least = found.tenth * 10  # the valley is flat from 1e-2 to 1e-1
    assert 0.8e-2 < least < 0.2
    assert found.lr == pytest.approx(math.sqrt(found.steepest * least), rel=0.1)


def test_smoothing_keeps_a_straight_line_within_and_does_not_shift_it() -> None:
    smoothed = RangeTestCurve(0.0, [1.0] * 100, list(range(100))).smoothed()
    assert smoothed[20:80] == pytest.approx(np.arange(20, 80))


def test_nothing_is_suggested_where_the_loss_never_falls() -> None:
    rates = list(np.geomspace(1e-7, 1, 100))
    noise = np.random.default_rng(0).normal(size=100)
    assert RangeTestCurve(1.0, rates, list(1 + 0.1 * noise + np.linspace(0, 1, 100))).suggestion() is None
    assert RangeTestCurve(1.0, rates, list(1 + 0.1 * noise)).suggestion() is None
    assert RangeTestCurve(1.0, rates, list(np.linspace(1, 2, 100))).suggestion() is None


@pytest.mark.parametrize(
    ("losses", "at"),
    [
        ([1.0] * 40, None),
        ([1.0] * 5 + [math.nan], 5),
        ([2.0] * 20 + [0.1] * 20 + [1.9] * 20, None),  # back to the start is no divergence yet
        ([1.0] * 20 + [9.0] * 20, 20),
        ([-1.0] * 20 + [5.0] * 20, 20),  # a loss may be negative
    ],
)
def test_when_it_has_diverged(losses: list[float], at: int | None) -> None:
    watch = Watch()
    found = next((step for step, loss in enumerate(losses) if watch.diverged(loss)), None)
    assert found == at
