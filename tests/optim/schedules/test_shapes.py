"""Shapes at points with known values."""

from __future__ import annotations

import math

import pytest

from lossbook.optim.schedules.shapes import half_cosine, line, power, triangle


@pytest.mark.parametrize("shape", [line, half_cosine, lambda start, end, t: power(start, end, t, 3.0)])
def test_both_ends_are_met(shape: object) -> None:
    assert callable(shape)
    assert (shape(0.9, 0.2, 0.0), shape(0.9, 0.2, 1.0)) == pytest.approx((0.9, 0.2))


def test_a_quarter_of_the_way() -> None:
    assert line(2.0, 4.0, 0.25) == 2.5
    assert half_cosine(0.0, 1.0, 0.25) == pytest.approx((1 - math.sqrt(0.5)) / 2)
    assert power(1.0, 0.0, 0.25, 2.0) == 0.75**2


@pytest.mark.parametrize(
    ("time", "cycle", "height"), [(0, 0, 0.0), (1, 0, 0.5), (2, 0, 1.0), (5, 0, 0.25), (6, 1, 0.0), (13, 2, 0.5)]
)
def test_triangles_of_two_and_four(time: int, cycle: int, height: float) -> None:
    assert triangle(time, 2, 4) == (cycle, height)
