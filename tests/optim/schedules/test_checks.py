"""What is refused without torch, with which message, and what is accepted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from lossbook.config.ranges import range_problems
from lossbook.optim.schedules.checks import problems

FOLDER = Path(__file__).parents[3] / "conf" / "scheduler"
ADAM = {"_target_": "torch.optim.Adam", "lr": 0.003, "betas": [0.9, 0.999]}
ADAGRAD = {"_target_": "torch.optim.Adagrad", "lr": 0.003}
ENDLESS = {"max_epochs": -1, "max_steps": -1, "max_time": "00:00:01:00"}


def found(option: str, optim: Any = ADAM, trainer: Any = None, rules: Any = (), **values: Any) -> list[str]:
    node = yaml.safe_load((FOLDER / f"{option}.yaml").read_text())
    config = {
        "scheduler": {**node, **values},
        "optim": optim,
        "trainer": {"max_epochs": 20, "max_steps": -1, **(trainer or {})},
        "param_groups": {"rules": list(rules), "preset": []},
        "choices": {"scheduler": option},
    }
    outside = range_problems({"scheduler": config["scheduler"]}, {"scheduler": node})
    return [str(problem) for problem in outside or problems(config)]


@pytest.mark.parametrize("option", [path.stem for path in FOLDER.glob("*.yaml")])
def test_every_option_passes(option: str) -> None:
    assert found(option) == []


WRONG = [
    ("cosine", {"warmup": -0.1}, "scheduler.warmup=-0.1", "share of the run"),
    ("cosine", {"warmup": 1.5}, "scheduler.warmup=1.5", "whole number of steps"),
    ("cosine", {"warmup": True}, "scheduler.warmup=true", "share of the run"),
    ("cosine", {"final": 1.5}, "scheduler.final=1.5", "from 0 to 1"),
    ("cosine", {"interval": "batch"}, "scheduler.interval=batch", "step or epoch"),
    ("cosine", {"frequency": 0}, "scheduler.frequency=0", "from 1 on"),
    ("linear", {"start_factor": 0}, "scheduler.start_factor=0", "above 0"),
    ("linear", {"total_iters": 0}, "scheduler.total_iters=0", "rest of the run"),
    ("step", {"step_size": 0}, "scheduler.step_size=0", "above 0"),
    ("step", {"gamma": 0}, "scheduler.gamma=0", "above 0"),
    ("exponential", {"gamma": -1}, "scheduler.gamma=-1", "above 0"),
    ("multistep", {"milestones": [10, 5]}, "scheduler.milestones=[10,5]", "increasing"),
    ("multistep", {"milestones": [0.5, 10]}, "scheduler.milestones=[0.5,10]", "one kind"),
    ("multistep", {"milestones": []}, "scheduler.milestones=[]", "increasing"),
    ("polynomial", {"power": 0}, "scheduler.power=0", "above 0"),
    ("cosine_restarts", {"T_mult": 1.5}, "scheduler.T_mult=1.5", "whole number"),
    ("cosine_restarts", {"T_0": 2.5}, "scheduler.T_0=2.5", "whole number"),
    ("one_cycle", {"pct_start": 1.1}, "scheduler.pct_start=1.1", "from 0 to 1"),
    ("one_cycle", {"anneal_strategy": "cosine"}, "scheduler.anneal_strategy=cosine", "cos or linear"),
    ("one_cycle", {"max_momentum": 1.0}, "scheduler.max_momentum=1.0", "below 1"),
    ("one_cycle", {"base_momentum": 0.96}, "scheduler.base_momentum=0.96", "falls"),
    ("one_cycle", {"three_phase": True, "pct_start": 0.6}, "scheduler.pct_start=0.6", "at most half"),
    ("one_cycle", {"div_factor": 0.5}, "scheduler.div_factor=0.5", "from 1 to"),
    ("cyclic", {"mode": "sawtooth"}, "scheduler.mode=sawtooth", "triangular2"),
    ("cyclic", {"gamma": 0.9}, "scheduler.gamma=0.9", "exp_range"),
    ("cyclic", {"gamma": 1.1, "mode": "exp_range"}, "scheduler.gamma=1.1", "exceed the peak"),
    ("cyclic", {"step_size_down": 0}, "scheduler.step_size_down=0", "null"),
    ("plateau", {"mode": "maximum"}, "scheduler.mode=maximum", "null or min or max"),
    ("plateau", {"factor": 1.0}, "scheduler.factor=1.0", "below 1"),
    ("plateau", {"patience": -1}, "scheduler.patience=-1", "from 0 on"),
    ("plateau", {"threshold_mode": "relative"}, "scheduler.threshold_mode=relative", "rel or abs"),
    ("plateau", {"monitor": "train/loss"}, "scheduler.monitor=train/loss", "scheduler.monitor=val/loss"),
    ("plateau", {"min_lr": 1.0}, "scheduler.min_lr=1.0", "below 1"),
]


@pytest.mark.parametrize(("option", "values", "given", "rule"), WRONG, ids=[given for _, _, given, _ in WRONG])
def test_a_value_out_of_range(option: str, values: dict[str, Any], given: str, rule: str) -> None:
    (problem,) = found(option, **values)
    assert problem.startswith(given)
    assert rule in problem
    assert "Fix:" in problem


def test_several_at_once() -> None:
    assert len(found("step", step_size=0, gamma=0, warmup=-1)) == 3


@pytest.mark.parametrize("option", ["one_cycle", "cyclic"])
def test_a_momentum_that_is_not_there(option: str) -> None:
    (problem,) = found(option, ADAGRAD)
    assert "torch.optim.Adagrad" in problem
    assert "scheduler.cycle_momentum=false" in problem
    assert found(option, ADAGRAD, cycle_momentum=False) == []
    assert found(option, {"_target_": "strangers.Optimizer"}) == []  # only the object itself can tell
    assert found(option, {**ADAGRAD, "rest": ADAM}) == []  # the other part of an optimizer of two


def test_a_momentum_by_rule_that_the_schedule_would_overwrite() -> None:
    rules = [{"match": "*", "momentum": 0.5}]
    assert "sets momentum=0.5" in found("one_cycle", rules=rules)[0]
    assert found("one_cycle", rules=rules, cycle_momentum=False) == []
    assert found("cosine", rules=rules) == []


@pytest.mark.parametrize("option", [path.stem for path in FOLDER.glob("*.yaml")])
def test_a_run_of_unknown_length(option: str) -> None:
    said = found(option, trainer=ENDLESS)
    if option in ("none", "exponential", "plateau"):
        assert said == []
    else:
        assert len(said) == 1
        assert "unknown length" in said[0]
        assert "trainer.max_steps=N" in said[0]
    assert found(option, trainer={**ENDLESS, "max_steps": 100}) == []


def test_numbers_of_steps_need_no_length() -> None:
    assert found("step", trainer=ENDLESS, step_size=3) == []
    assert found("linear", trainer=ENDLESS, total_iters=30, warmup=3) == []
    assert found("constant", trainer={"max_epochs": None, "max_time": "1"}, warmup=5) == []
    (problem,) = found("multistep", trainer=ENDLESS, warmup=0.1)
    assert "scheduler.warmup=0.1 and scheduler.milestones=[0.5,0.75]" in problem


def test_a_warmup_as_long_as_the_run() -> None:
    assert "at most 50 steps" in found("cosine", trainer={"max_steps": 50}, warmup=50)[0]
    assert found("cosine", trainer={"max_steps": 50}, warmup=49) == []


def test_a_plateau_without_validation() -> None:
    assert "there are none" in found("plateau", trainer={"limit_val_batches": 0})[0]


def test_torchs_own_plateau_is_refused_and_its_other_classes_are_not() -> None:
    path = "torch.optim.lr_scheduler."
    config: dict[str, Any] = {"optim": ADAM, "trainer": {}, "scheduler": {"_target_": f"{path}ReduceLROnPlateau"}}
    assert "scheduler=plateau" in str(problems(config)[0])
    config["scheduler"] = {"_target_": f"{path}StepLR", "step_size": 0, "interval": "epoch"}
    assert problems(config) == range_problems(config, {}) == []
    config["scheduler"]["interval"] = "batch"
    assert "scheduler.interval=batch" in str(range_problems(config, {})[0]).lstrip("+")


def test_no_torch_is_imported() -> None:
    program = "import sys, lossbook.optim.schedules.checks; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
