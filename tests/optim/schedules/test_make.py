"""Building a schedule from its config node."""

from __future__ import annotations

import sys
import types
from typing import Any

import pytest
import torch

from lossbook.errors import UserError
from lossbook.optim.schedules.length import Length
from lossbook.optim.schedules.make import scheduler_factory
from lossbook.optim.schedules.plateau import Plateau
from lossbook.trust import OWN_CONFIG, Trust

ACC = ("val/acc", "max")
DIRECTIONS: dict[str, str | None] = {"acc": "max", "f1": "max", "loss": "min", "own": None}
LENGTH = Length(30, 7)
TORCH = "torch.optim.lr_scheduler."
OURS = "lossbook.optim.schedules."


class MyPlateau(torch.optim.lr_scheduler.ReduceLROnPlateau):
    """A user's own class."""


def made(node: dict[str, Any], optimizer: Any, length: Length = LENGTH, trust: Trust = OWN_CONFIG) -> Any:
    make = scheduler_factory(node, trust, ACC, DIRECTIONS)
    assert make is not None
    return make(optimizer, length)


def test_none() -> None:
    assert scheduler_factory({"_target_": None}, OWN_CONFIG, ACC, DIRECTIONS) is None


def test_ours_is_stepped_once_a_step(groups: Any) -> None:
    """It holds for a config from elsewhere, too."""
    found = made({"_target_": f"{OURS}decay.StepDecay", "interval": "epoch", "frequency": 3}, groups(), trust=Trust())
    assert (found["interval"], found["frequency"]) == ("step", 1)
    assert (found["scheduler"].interval, found["scheduler"].frequency) == ("epoch", 3)
    assert found["scheduler"].length == LENGTH


@pytest.mark.parametrize(
    ("times", "calls"), [({}, 30), ({"interval": "epoch"}, 5), ({"interval": "step", "frequency": 4}, 7)]
)
def test_a_class_of_torchs_is_told_how_often_it_is_stepped(times: dict[str, Any], calls: int, groups: Any) -> None:
    found = made({"_target_": f"{TORCH}OneCycleLR", "max_lr": 1.0, "cycle_momentum": False, **times}, groups())
    assert found["scheduler"].total_steps == calls
    assert (found["interval"], found["frequency"]) == (times.get("interval", "step"), times.get("frequency", 1))


def test_a_class_of_torchs_that_needs_a_length_that_is_unknown(groups: Any) -> None:
    made({"_target_": f"{TORCH}StepLR", "step_size": 3}, groups(), Length(None, 7))
    with pytest.raises(UserError, match="total_steps"):
        made({"_target_": f"{TORCH}OneCycleLR", "max_lr": 1.0}, groups(), Length(None, 7))


def test_torchs_plateau_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = types.ModuleType("mine")
    mine.MyPlateau = MyPlateau  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "mine", mine)
    for path in (f"{TORCH}ReduceLROnPlateau", "mine.MyPlateau"):
        with pytest.raises(UserError, match="scheduler=plateau"):
            scheduler_factory({"_target_": path}, OWN_CONFIG, ACC, DIRECTIONS)


def test_names_that_it_does_not_have_are_refused_before_there_is_an_optimizer() -> None:
    with pytest.raises(UserError, match=r"scheduler\.gamma"):
        scheduler_factory({"_target_": f"{OURS}decay.StepDecay", "gama": 0.1}, OWN_CONFIG, ACC, DIRECTIONS)


@pytest.mark.parametrize(
    ("node", "watched"),
    [
        ({"monitor": "primary", "mode": None}, ("val/acc", "max")),
        ({"monitor": "val/loss", "mode": None}, ("val/loss", "min")),
        ({"monitor": "val/f1", "mode": None}, ("val/f1", "max")),
        ({"monitor": "primary", "mode": "min"}, ("val/acc", "min")),
        ({}, ("val/acc", "max")),
    ],
)
def test_what_a_plateau_watches(node: dict[str, Any], watched: tuple[str, str], groups: Any) -> None:
    schedule = made({"_target_": f"{OURS}plateau.Plateau", **node}, groups())["scheduler"]
    assert isinstance(schedule, Plateau)
    assert (schedule.monitor, schedule.mode) == watched


def test_a_plateau_on_a_metric_that_does_not_say_which_value_is_best() -> None:
    """It is refused before there is an optimizer, unless the mode is given."""
    node = {"_target_": f"{OURS}plateau.Plateau", "monitor": "val/own"}
    with pytest.raises(
        UserError, match=r"scheduler.monitor=val/own\n.*\n  Fix: scheduler.mode=min or scheduler.mode=max"
    ):
        scheduler_factory(node, OWN_CONFIG, ACC, DIRECTIONS)
    assert scheduler_factory({**node, "mode": "min"}, OWN_CONFIG, ACC, DIRECTIONS) is not None
