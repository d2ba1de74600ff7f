"""Compare Plateau with torch's ReduceLROnPlateau on the same metrics."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim.lr_scheduler import ReduceLROnPlateau

from lossbook.errors import UserError
from lossbook.optim.schedules.length import Length
from lossbook.optim.schedules.plateau import Plateau

LENGTH = Length(100, 10)
OPTIONS = st.fixed_dictionaries(
    {
        "mode": st.sampled_from(["min", "max"]),
        "factor": st.sampled_from([0.1, 0.5, 0.9]),
        "patience": st.integers(0, 3),
        "threshold": st.sampled_from([0.0, 1e-4, 0.2]),
        "threshold_mode": st.sampled_from(["rel", "abs"]),
        "cooldown": st.integers(0, 3),
    }
)
VALUES = st.lists(st.one_of(st.floats(-2, 2), st.just(math.nan), st.just(0.5)), max_size=40)


PEAKS = (0.4, 0.02)


def two_groups() -> torch.optim.Optimizer:
    return torch.optim.SGD([{"params": [torch.nn.Parameter(torch.ones(1))], "lr": lr} for lr in PEAKS])


def rates(optimizer: Any) -> list[float]:
    return [group["lr"] for group in optimizer.param_groups]


@settings(max_examples=60)
@given(OPTIONS, VALUES, st.sampled_from([0.0, 0.2]), st.integers(0, 40))
def test_against_torch(options: dict[str, Any], values: list[float], min_lr: float, cut: int) -> None:
    """It holds, too, when saved and resumed at any point."""
    theirs, ours = two_groups(), two_groups()
    reference = ReduceLROnPlateau(theirs, **options, min_lr=[min_lr * lr for lr in PEAKS], eps=0)
    schedule = Plateau(ours, LENGTH, **options, min_lr=min_lr)
    for number, value in enumerate(values):
        if number == cut:
            state, ours = schedule.state_dict(), two_groups()
            schedule = Plateau(ours, LENGTH, **options, min_lr=min_lr)
            schedule.load_state_dict(state)
        reference.step(value)
        schedule.observe({"val/acc": 3.0, "val/loss": value})
        schedule.step()
        assert rates(ours) == pytest.approx(rates(theirs), rel=1e-12)


def told(schedule: Plateau, *values: float) -> list[float]:
    """Return the share of the peak after each value."""
    shares = []
    for value in values:
        schedule.observe({"val/loss": value})
        shares.append(schedule.optimizer.param_groups[0]["lr"] / 0.4)
    return shares


def test_by_hand() -> None:
    """With patience 1 the second consecutive value without improvement halves the rate, before the next step."""
    schedule = Plateau(two_groups(), LENGTH, factor=0.5, patience=1)
    assert told(schedule, 1.0, 1.0, 0.9, 1.0, 1.0, 1.0, 1.0) == [1, 1, 1, 1, 0.5, 0.5, 0.25]


def test_every_other_validation() -> None:
    schedule = Plateau(two_groups(), LENGTH, patience=0, frequency=2)
    assert told(schedule, 9.0, 1.0, 9.0, 1.0, 0.0, 0.5, 9.0, 1.0) == [1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25]


def test_validations_within_the_warmup_do_not_count() -> None:
    schedule = Plateau(two_groups(), LENGTH, patience=0, warmup=3)
    seen = []
    for _ in range(6):
        seen.append(schedule.optimizer.param_groups[0]["lr"] / 0.4)
        schedule.step()
        schedule.observe({"val/loss": 1.0})
    assert seen == pytest.approx([0.25, 0.5, 0.75, 1, 0.5, 0.25])


def test_its_state_is_plain_numbers() -> None:
    schedule = Plateau(two_groups(), LENGTH)
    told(schedule, 1.0, 2.0)
    assert schedule.state_dict() == {
        "last_epoch": 0, "steps_per_epoch": 10, "shift": 0,
        "scale": 1.0, "best": 1.0, "bad": 1, "cooling": 0, "validations": 2,
    }  # fmt: skip


def test_a_metric_that_is_missing_is_refused_with_the_nearest() -> None:
    schedule = Plateau(two_groups(), LENGTH, monitor="val/los")
    with pytest.raises(UserError) as error:
        schedule.observe({"val/loss": 1.0, "val/acc": 0.5})
    assert "val/los" in str(error.value)
    assert "Fix: scheduler.monitor=val/loss" in str(error.value)
