"""Compare 1cycle and cyclic schedules with torch's: rates and momenta of every group."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.optim import lr_scheduler as torchs

from lossbook.errors import UserError
from lossbook.optim.schedules.cycles import Cyclic, OneCycle
from lossbook.optim.schedules.length import Length

PEAKS = [0.4, 0.02]
LENGTH = Length(100, 10)
OPTIMIZERS = [(torch.optim.SGD, {"momentum": 0.5}), (torch.optim.Adam, {})]


def after_warmup(rise: int, points: list[Any]) -> list[Any]:
    """The same points, after a linear rise to the first."""
    rates, momenta = points[0]
    risen = [([(step + 1) / (rise + 1) * rate for rate in rates], momenta) for step in range(rise)]
    return [*risen, *points][: len(points)]


@pytest.mark.parametrize(("kind", "options"), OPTIMIZERS)
@pytest.mark.parametrize("warmup", [0, 20])
@pytest.mark.parametrize(
    "shape",
    [
        {},
        {"three_phase": True},
        {"anneal_strategy": "linear", "pct_start": 0.21},
        {"cycle_momentum": False, "div_factor": 5.0, "final_div_factor": 3.0},
        {"base_momentum": 0.1, "max_momentum": 0.2, "pct_start": 0.0},
    ],
)
def test_one_cycle_against_torch(
    shape: dict[str, Any], warmup: int, kind: Any, options: dict[str, Any], curve: Any, same: Any
) -> None:
    steps = 100 - warmup
    expected = curve(lambda o: torchs.OneCycleLR(o, PEAKS, steps, **shape), steps, kind, **options)
    found = curve(lambda o: OneCycle(o, LENGTH, warmup=warmup, **shape), 100, kind, **options)
    same(found, (after_warmup(warmup, expected + [None] * warmup)))


@pytest.mark.parametrize(("kind", "options"), OPTIMIZERS)
@pytest.mark.parametrize("warmup", [0, 20])
@pytest.mark.parametrize(
    "shape",
    [
        {"step_size_up": 10},
        {"step_size_up": 5, "step_size_down": 13, "mode": "triangular2"},
        {"step_size_up": 7, "mode": "exp_range", "gamma": 0.97},
        {"step_size_up": 16, "cycle_momentum": False},
        {"step_size_up": 4, "base_momentum": 0.1, "max_momentum": 0.7},
    ],
)
def test_cyclic_against_torch(
    shape: dict[str, Any], warmup: int, kind: Any, options: dict[str, Any], curve: Any, same: Any
) -> None:
    expected = curve(lambda o: torchs.CyclicLR(o, [0.04, 0.002], PEAKS, **shape), 100, kind, **options)
    found = curve(lambda o: Cyclic(o, LENGTH, base_lr=0.1, warmup=warmup, **shape), 100, kind, **options)
    same(found, after_warmup(warmup, expected))


@pytest.mark.parametrize("steps", [1, 2, 3, 10, 97])
@pytest.mark.parametrize("shape", [OneCycle, Cyclic])
def test_any_run_is_within_bounds_and_ends_low(shape: Any, steps: int, curve: Any) -> None:
    rates = [rates[0] for rates, _ in curve(lambda o: shape(o, Length(steps, 5), cycle_momentum=False), steps + 3)]
    assert all(0 <= rate <= 0.4 for rate in rates)
    if shape is OneCycle:
        assert rates[steps:] == pytest.approx([0.4 / 25 / 1e4] * 3)
    elif steps >= 10:
        assert rates[steps - 1] < 0.4 * 8 / steps + 0.01


def test_a_momentum_that_is_not_there_cannot_be_cycled(groups: Any) -> None:
    for shape in (OneCycle, Cyclic):
        with pytest.raises(UserError, match="Adagrad") as error:
            shape(groups(torch.optim.Adagrad), LENGTH)
        assert "scheduler.cycle_momentum=false" in str(error.value)
        shape(groups(torch.optim.Adagrad), LENGTH, cycle_momentum=False)


def test_groups_of_both_kinds_are_cycled() -> None:
    """One optimizer made of two has groups with momentum and groups with betas."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0, momentum=0.9)
    optimizer.param_groups.append({"params": [], "lr": 0.5, "betas": (0.9, 0.999)})
    OneCycle(optimizer, LENGTH)
    assert optimizer.param_groups[0]["momentum"] == 0.95
    assert optimizer.param_groups[1]["betas"] == (0.95, 0.999)
