"""What all schedules share: defaults, saving, groups that change, epochs, frequency, errors."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from lossbook.build import build, target
from lossbook.errors import UserError
from lossbook.optim.schedules.cosine import Cosine
from lossbook.optim.schedules.decay import Constant, Exponential, Linear
from lossbook.optim.schedules.length import Length
from lossbook.optim.schedules.plateau import Plateau
from lossbook.optim.schedules.schedule import Schedule

FOLDER = Path(__file__).parents[3] / "conf" / "scheduler"
OPTIONS = sorted(path.stem for path in FOLDER.glob("*.yaml") if path.stem != "none")
NODES = {name: yaml.safe_load((FOLDER / f"{name}.yaml").read_text()) for name in OPTIONS}
NODES["plateau"] |= {"monitor": "val/loss", "mode": "min"}  # as they come out for a loss
LENGTH = Length(60, 6)


def made(name: str, optimizer: torch.optim.Optimizer, length: Length = LENGTH) -> Schedule:
    schedule = build(NODES[name], optimizer=optimizer, length=length)
    assert isinstance(schedule, Schedule)
    return schedule


@pytest.mark.parametrize("name", OPTIONS)
def test_every_argument_is_spelled_out_at_its_default(name: str) -> None:
    node = dict(NODES[name])
    parameters = inspect.signature(target(node.pop("_target_"))).parameters
    defaults = {key: parameter.default for key, parameter in parameters.items() if key not in ("optimizer", "length")}
    assert node == {key: list(value) if isinstance(value, tuple) else value for key, value in defaults.items()}


@pytest.mark.parametrize("name", [*OPTIONS, "none"])
def test_the_head_comment_has_a_command(name: str) -> None:
    head = (FOLDER / f"{name}.yaml").read_text().partition("_target_")[0]
    assert f"python scripts/train.py scheduler={name}" in head


@pytest.mark.parametrize("name", OPTIONS)
def test_by_default_it_lies_within_the_peak_and_all_but_plateau_move(name: str, curve: Any) -> None:
    points = curve(lambda o: made(name, o), 60, torch.optim.Adam)
    for rates, _ in points:
        assert 0 <= rates[0] <= 0.4 * (1 + 1e-12)
        assert rates[0] / 0.4 == pytest.approx(rates[1] / 0.02)
    assert len({rates[0] for rates, _ in points}) > 1 or name == "plateau"


@pytest.mark.parametrize("warmup", [0.3, 18])
@pytest.mark.parametrize("name", OPTIONS)
def test_a_warmup_rises_to_where_the_shape_begins(name: str, warmup: float, groups: Any) -> None:
    optimizer = groups(torch.optim.Adam)
    schedule = build({**NODES[name], "warmup": warmup}, optimizer=optimizer, length=LENGTH)
    first = schedule.factor_at(18)
    assert [schedule.factor_at(step) for step in range(18)] == pytest.approx([first * (k + 1) / 19 for k in range(18)])


@pytest.mark.parametrize("stop", [1, 7, 31])
@pytest.mark.parametrize("name", OPTIONS)
def test_saved_and_resumed_on_the_way(name: str, stop: int, groups: Any, walk: Any) -> None:
    def observed(optimizer: Any, schedule: Any, steps: range) -> list[Any]:
        points = []
        for step in steps:
            points += walk(optimizer, schedule, 1)
            schedule.observe({"val/loss": 1 + step % 5})
        return points

    optimizer = groups(torch.optim.Adam)
    schedule = made(name, optimizer)
    observed(optimizer, schedule, range(stop))
    state, state_of_optimizer = schedule.state_dict(), optimizer.state_dict()
    assert all(isinstance(value, (int, float)) for value in state.values())
    rest = observed(optimizer, schedule, range(stop, 60))
    again = groups(torch.optim.Adam)
    resumed = made(name, again)
    again.load_state_dict(state_of_optimizer)
    resumed.load_state_dict(state)
    assert observed(again, resumed, range(stop, 60)) == rest


def test_groups_may_change_between_saving_and_resuming(groups: Any, walk: Any) -> None:
    optimizer = groups()
    schedule = Cosine(optimizer, LENGTH)
    walk(optimizer, schedule, 20)
    other = torch.optim.SGD([{"params": [torch.nn.Parameter(torch.ones(1))], "lr": lr} for lr in (0.02, 7.0, 0.4)])
    resumed = Cosine(other, LENGTH)
    resumed.load_state_dict(schedule.state_dict())
    small, new, large = (group["lr"] for group in other.param_groups)
    assert [large, small] == [group["lr"] for group in optimizer.param_groups]
    assert new == 7.0 * schedule.factor_at(20)


def test_a_group_that_joins_follows_from_its_own_peak(groups: Any) -> None:
    optimizer = groups()
    schedule = Linear(optimizer, Length(10, 5), warmup=0)
    schedule.step()
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], "lr": 5.0})
    schedule.step()
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.32, 0.016, 4.0])
    assert schedule.get_last_lr() == [group["lr"] for group in optimizer.param_groups]


@pytest.mark.parametrize("name", [name for name in OPTIONS if name != "plateau"])
def test_metrics_of_validation_change_nothing(name: str, groups: Any) -> None:
    schedule = made(name, groups(torch.optim.Adam))
    before = schedule.state_dict(), schedule.get_last_lr()
    schedule.observe({"val/acc": 0.5})
    assert (schedule.state_dict(), schedule.get_last_lr()) == before


@pytest.mark.parametrize("name", OPTIONS)
def test_a_parameter_unfrozen_later_follows_the_same_factor(name: str) -> None:
    """Plain gradient descent over a gradient of 1: each step is the learning rate."""
    early, late = (torch.nn.Parameter(torch.zeros((), dtype=torch.float64)) for _ in range(2))
    late.requires_grad_(False)
    optimizer = torch.optim.SGD([{"params": [early], "lr": 0.4}, {"params": [late], "lr": 0.02}])
    node = {key: False if key == "cycle_momentum" else value for key, value in NODES[name].items()}
    schedule = build(node, optimizer=optimizer, length=LENGTH)
    for step in range(60):
        if step == 25:
            assert late.item() == 0
            late.requires_grad_(True)
        before = early.item(), late.item()
        optimizer.zero_grad()
        (-early - late).backward()
        optimizer.step()
        moved = early.item() - before[0], late.item() - before[1]
        assert moved[0] == pytest.approx(0.4 * schedule.factor_at(step), abs=1e-12)
        assert moved[1] == pytest.approx(0.02 * schedule.factor_at(step) if step >= 25 else 0, abs=1e-12)
        schedule.step()


def test_epochs_are_counted_from_the_end_of_the_warmup(groups: Any) -> None:
    schedule = Exponential(groups(), Length(50, 4), gamma=0.5, warmup=6)
    shares = [schedule.factor_at(step) for step in range(18)]
    assert shares == pytest.approx([k / 7 for k in range(1, 7)] + [1.0] * 4 + [0.5] * 4 + [0.25] * 4)


def test_frequency_holds_the_rate_in_between(groups: Any) -> None:
    every, held = (Linear(groups(), Length(12, 3), warmup=0, frequency=frequency) for frequency in (1, 5))
    assert [held.factor_at(step) for step in range(12)] == [every.factor_at(step - step % 5) for step in range(12)]
    epochs = Linear(groups(), Length(12, 3), warmup=0, interval="epoch", frequency=2)
    assert [epochs.factor_at(step) for step in range(12)] == [1.0] * 6 + [0.5] * 6


def test_a_warmup_as_long_as_the_run_is_refused(groups: Any) -> None:
    with pytest.raises(UserError, match="The run has 60 steps"):
        Constant(groups(), LENGTH, warmup=60)
    Constant(groups(), LENGTH, warmup=59)


@pytest.mark.parametrize("name", OPTIONS)
def test_what_is_spread_over_the_run_needs_its_length(name: str, groups: Any) -> None:
    endless = Length(None, 6)
    if name in ("exponential", "plateau"):
        made(name, groups(), endless)
        return
    with pytest.raises(UserError, match="unknown length"):
        made(name, groups(torch.optim.Adam), endless)


def test_numbers_of_steps_do_without(groups: Any) -> None:
    endless = Length(None, 6)
    for name, more in {
        "constant": {"warmup": 5},
        "linear": {"warmup": 5, "total_iters": 10},
        "step": {"step_size": 3},
        "multistep": {"milestones": [3, 5]},
        "polynomial": {"warmup": 0, "total_iters": 10},
        "cosine_restarts": {"T_0": 4, "T_mult": 2},
        "cyclic": {"step_size_up": 4, "cycle_momentum": False},
    }.items():
        schedule = build({**NODES[name], **more}, optimizer=groups(), length=endless)
        assert [schedule.factor_at(step) for step in range(100)]


def test_the_state_of_another_schedule_gives_the_number_of_steps(groups: Any) -> None:
    """A run may be resumed with another schedule; torch's schedulers call it last_epoch, too."""
    theirs = torch.optim.lr_scheduler.StepLR(groups(), 3)
    plateau = Plateau(groups(), LENGTH)
    plateau.load_state_dict(theirs.state_dict() | {"last_epoch": 11})
    assert json.dumps(plateau.state_dict())
    assert plateau.last_epoch == 11


def test_epochs_of_another_length_go_on_from_the_epochs_done(groups: Any, walk: Any) -> None:
    """Ten epochs: four of 6 steps, then two of 3, then of 12 to the end."""
    four, six = Linear(groups(), Length(60, 6), warmup=0), Linear(groups(), Length(30, 3), warmup=0)
    rest = Linear(optimizer := groups(), Length(120, 12), warmup=0)
    walk(four.optimizer, four, 24)
    six.load_state_dict(four.state_dict())
    assert six.get_last_lr() == pytest.approx([0.4 * 0.6, 0.02 * 0.6])
    walk(six.optimizer, six, 6)
    rest.load_state_dict(json.loads(json.dumps(six.state_dict())))
    assert (rest.last_epoch, rest.place) == (30, 72)
    assert rest.get_last_lr() == pytest.approx([0.4 * 0.4, 0.02 * 0.4])
    walk(optimizer, rest, 47)
    assert rest.get_last_lr()[0] == pytest.approx(0.4 / 120)
    rest.step()
    assert rest.get_last_lr() == [0, 0]


def test_a_run_that_steps_end_goes_on_from_the_steps_done(groups: Any) -> None:
    schedule = Linear(groups(), Length(60, 3, by_epochs=False), warmup=0)
    schedule.load_state_dict({"last_epoch": 24, "steps_per_epoch": 6, "shift": 0})
    assert schedule.get_last_lr() == pytest.approx([0.4 * 0.6, 0.02 * 0.6])


def test_without_an_end_epochs_are_counted_and_steps_are(groups: Any) -> None:
    state = {"last_epoch": 24, "steps_per_epoch": 6, "shift": 0}
    for interval, time in (("epoch", 4), ("step", 24)):
        schedule = Exponential(groups(), Length(None, 3, by_epochs=False), gamma=0.5, interval=interval)
        schedule.load_state_dict(state)
        assert schedule.factor_at(schedule.place) == 0.5**time


@pytest.mark.parametrize(("steps", "share", "first"), [(2, 0.05, 0.5), (1, 0.05, 1.0), (2, 0.0, 1.0), (60, 0.05, 0.25)])
def test_a_share_of_a_short_run_is_at_least_a_step(steps: int, share: float, first: float) -> None:
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    Constant(optimizer, Length(steps, steps), warmup=share)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(first)
