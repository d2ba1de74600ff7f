from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

import lossbook
from lossbook.config.options import Options, conf_folder
from lossbook.config.resolve import plain
from lossbook.plots.descent import (
    PARABOLA,
    STEPS,
    VALLEY,
    Descent,
    descend,
    momentum_argument,
    momentum_values,
    multiples,
    telling_rates,
)

OPTIMIZERS = Options([conf_folder()]).names("optim")


@cache
def option(name: str, *overrides: str) -> dict[str, Any]:
    return plain(lossbook.compose(f"optim={name}", *overrides))["optim"]


@pytest.mark.parametrize("lr", [0.0125, 0.125, 0.2, 0.25])
def test_gradient_descent_on_the_parabola_by_hand(lr: float) -> None:
    """The slope of 4 x^2 is 8 x: each step multiplies x by 1 - 8 lr."""
    found = descend(option("sgd", "optim.momentum=0.0"), PARABOLA, lr, steps=12)
    x = 2 * (1 - 8 * lr) ** np.arange(13)
    np.testing.assert_allclose(found.points[:, 0], x, atol=1e-12)
    np.testing.assert_allclose(found.heights, 4 * x**2, atol=1e-12)


def test_momentum_in_the_valley_by_hand() -> None:
    found = descend(option("sgd"), VALLEY, 0.05, steps=20)
    point, velocity = np.array([-4.0, 1.5]), np.zeros(2)
    for step in range(21):
        np.testing.assert_allclose(found.points[step], point, atol=1e-12)
        velocity = 0.9 * velocity + np.array([0.4, 8.0]) * point
        point = point - 0.05 * velocity


@pytest.mark.parametrize(
    ("lr", "verdict"),
    [(0.001, "too slow"), (0.1, "converges"), (0.2, "overshoots, converges"), (0.25, "oscillates"), (0.3, "diverges")],
)
def test_what_becomes_of_gradient_descent(lr: float, verdict: str) -> None:
    """It converges below 2 / 8, without overshooting up to 1 / 8, and oscillates for ever at 2 / 8."""
    assert descend(option("sgd", "optim.momentum=0.0"), PARABOLA, lr).verdict == verdict


def test_numbers_that_end_are_a_divergence() -> None:
    lost = descend(option("sgd", "optim.momentum=0.0"), PARABOLA, 1e6)
    assert len(lost.points) <= STEPS
    assert lost.verdict == "diverges"
    path = np.array([[2.0], [np.nan]])
    assert Descent(1.0, path, PARABOLA(path)).verdict == "diverges"


def test_the_rates_of_gradient_descent_are_those_of_the_textbook() -> None:
    slow, good, much, lost = telling_rates(option("sgd", "optim.momentum=0.0"))
    assert (slow, good) == (0.0125, 0.125)  # one step on the parabola
    assert good < much < 0.25 < lost
    assert multiples(0.1) == [0.01, 0.1, 0.3, 1.0]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_moves_from_its_own_option(name: str) -> None:
    for surface in (PARABOLA, VALLEY):
        found = descend(option(name), surface, 0.05, steps=4)
        assert found.points.shape == (5, len(surface.start))
        assert tuple(found.points[0]) == surface.start
        assert found.heights[-1] < found.heights[0]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_what_is_said_to_remember_gradients_is_an_argument_that_it_takes(name: str) -> None:
    found = momentum_argument(option(name))
    assert (found is None) == (name in ("adafactor", "adagrad", "asgd", "lbfgs", "rprop"))
    for value in momentum_values(option(name)) if found else ():
        assert found is not None
        descend({**option(name), **found[1](value)}, VALLEY, 0.05, steps=2)
