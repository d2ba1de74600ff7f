"""Hydra's sweeper of ours: from a command line to the plan of a sweep."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lossbook.config.command import command
from lossbook.records.sweep import SweepPlan

Planned = Callable[..., SweepPlan]


@pytest.fixture
def planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Planned:
    """The plan of a command, whose jobs are not run."""
    monkeypatch.chdir(tmp_path)
    kept: dict[str, Any] = {}
    monkeypatch.setattr("lossbook.sweeps.sweep.run_sweep", lambda *given: kept.update(given=given))

    def planned(*arguments: str) -> SweepPlan:
        monkeypatch.setattr(sys, "argv", ["scripts/train.py", *arguments])
        assert command("train", lambda *_: pytest.fail("a single run"), sweeper="lossbook") == 0
        folder, plan, _, _, how = kept["given"]
        assert SweepPlan.read(folder) == plan
        assert how == "one process"
        found: SweepPlan = plan
        return found

    return planned


def test_every_combination_in_the_order_of_the_command(planned: Planned) -> None:
    plan = planned("-m", "loss=mse,ctc", "seed=0,1", "data=diabetes")
    assert plan.command == ("scripts/train.py", "-m", "loss=mse,ctc", "seed=0,1", "data=diabetes")
    assert plan.varied == ("loss", "seed")
    assert [job.name for job in plan.jobs] == [
        "loss=mse,seed=0",
        "loss=mse,seed=1",
        "loss=ctc,seed=0",
        "loss=ctc,seed=1",
    ]
    assert [job.number for job in plan.allowed] == [0, 1]


def test_a_recipe_brings_what_is_swept_and_the_command_line_wins(planned: Planned) -> None:
    plan = planned("experiment=compare_losses", "seed=7")
    assert plan.varied == ("loss",)
    assert len(plan.jobs) == 20
    assert len(plan.allowed) == 16
    assert {[one for one in job.overrides if "seed" in one] == ["seed=7"] for job in plan.jobs} == {True}


def test_a_list_is_one_value_and_a_glob_is_many(planned: Planned) -> None:
    plan = planned("-m", "optim=glob(ad*)", "optim.lr=range(1,4)", "logger=[csv,tensorboard]")
    assert len(plan.jobs) == 6 * 3
    assert plan.varied == ("optim", "optim.lr")


def test_an_option_of_the_users_own(planned: Planned, tmp_path: Path) -> None:
    (tmp_path / "mine" / "optim").mkdir(parents=True)
    (tmp_path / "mine" / "optim" / "own.yaml").write_text("{_target_: torch.optim.SGD, lr: 1.0}")
    plan = planned("--config-dir", "mine", "-m", "optim=own,sgd")
    assert plan.folders == (str(tmp_path / "mine"),)
    assert len(plan.allowed) == 2


def test_a_sweep_goes_on_with_its_plan(planned: Planned) -> None:
    plan = planned("-m", "seed=0,1", "hydra.sweep.dir=sweep")
    assert planned("sweep.resume=sweep") == plan
    assert planned("-m", "seed=0,1", "sweep.resume=sweep", "sweep.retry=true") == plan
    grown = planned("sweep.resume=sweep", "seed=0,1,2")
    assert [job.name for job in grown.jobs] == ["seed=0", "seed=1", "seed=2"]
    assert planned("sweep.resume=sweep") == grown


def test_a_folder_that_holds_a_sweep_is_not_taken_for_another(
    planned: Planned, capsys: pytest.CaptureFixture[str]
) -> None:
    planned("-m", "seed=0,1", "hydra.sweep.dir=sweep")
    with pytest.raises(AssertionError):
        planned("-m", "seed=0,1,2", "hydra.sweep.dir=sweep")
    assert capsys.readouterr().err.startswith("hydra.sweep.dir=sweep\n  A new sweep needs an empty folder.")


def test_what_others_log_is_left_as_it_is(planned: Planned) -> None:
    other, root = logging.getLogger("another.library"), logging.getLogger()
    before = root.level, list(root.handlers)
    planned("-m", "seed=0,1")
    assert not other.disabled
    assert (root.level, root.handlers) == before
