"""An optimizer with two groups, and the curves of a schedule over them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.optim import Optimizer

RATES = (0.4, 0.02)
Point = tuple[list[float], list[float]]  # learning rates and momenta of the groups


def two_groups(kind: type[Optimizer] = torch.optim.SGD, **options: Any) -> Optimizer:
    """An optimizer with two groups whose peaks differ."""
    groups = [{"params": [torch.nn.Parameter(torch.ones(1))], "lr": lr} for lr in RATES]
    return kind(groups, **options)  # type: ignore[call-arg]


def momenta(optimizer: Optimizer) -> list[float]:
    groups = optimizer.param_groups
    return [group["betas"][0] if "betas" in group else group.get("momentum") for group in groups]


def walked(optimizer: Optimizer, schedule: Any, steps: int) -> list[Point]:
    """Return the rates and momenta of a number of steps."""
    points = []
    for _ in range(steps):
        points.append(([float(group["lr"]) for group in optimizer.param_groups], momenta(optimizer)))
        optimizer.step()
        schedule.step()
    return points


@pytest.fixture
def groups() -> Callable[..., Optimizer]:
    return two_groups


@pytest.fixture
def walk() -> Callable[..., list[Point]]:
    return walked


@pytest.fixture
def curve() -> Callable[..., list[Point]]:
    """The points of 100 steps, or so many, under the schedule that a function makes of an optimizer."""

    def draw(
        make: Callable[[Optimizer], Any], steps: int = 100, kind: type[Optimizer] = torch.optim.SGD, **options: Any
    ) -> list[Point]:
        optimizer = two_groups(kind, **options)
        return walked(optimizer, make(optimizer), steps)

    return draw


@pytest.fixture
def same() -> Callable[[list[Point], list[Point]], None]:
    """Return a check that two curves agree up to rounding, for each group."""

    def check(left: list[Point], right: list[Point]) -> None:
        assert len(left) == len(right)
        for step, (one, other) in enumerate(zip(left, right, strict=True)):
            assert one[0] == pytest.approx(other[0], rel=1e-9, abs=1e-15), step
            assert one[1] == pytest.approx(other[1], rel=1e-12), step

    return check
