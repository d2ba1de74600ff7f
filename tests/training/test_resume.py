"""Going on with another optimizer, other groups, other learning rates: what counts, and what the run says of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import lossbook
from lossbook.checkpoints.read import read
from lossbook.errors import UserError

TINY = ("data.limit=48", "trainer=cpu", "trainer.max_epochs=2", "model.channels=[4]", "logger=none", "optim=adamw")


@pytest.fixture(scope="module")
def last(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """After one of two epochs, so that the schedule is half-way down."""
    folder = tmp_path_factory.mktemp("first")
    lossbook.train(lossbook.compose(*TINY, "trainer.max_steps=1"), folder)
    return folder / "checkpoints" / "last.ckpt"


def resumed(last: Path, folder: Path, capsys: Any, *overrides: str) -> tuple[dict[str, Any], list[str]]:
    """The optimizer's state after going on, and what was said of it."""
    capsys.readouterr()
    lossbook.train(lossbook.compose(f"ckpt={last}", "trainer.max_steps=-1", *overrides), folder)
    said = [line.split(maxsplit=1)[1] for line in capsys.readouterr().out.splitlines() if line.startswith("resume")]
    return read(folder / "checkpoints" / "last.ckpt")["optimizer_states"][0], said


def test_nothing_is_said_where_nothing_changed(last: Path, tmp_path: Path, capsys: Any) -> None:
    state, said = resumed(last, tmp_path, capsys)
    assert said == []
    assert [group["name"] for group in state["param_groups"]] == ["rest", "no_decay"]
    assert {float(entry["step"]) for entry in state["state"].values()} == {2.0}


@pytest.mark.parametrize(("whose", "peak"), [("config", 0.5), ("checkpoint", 0.003)])
def test_whose_learning_rate_counts_is_the_users_choice_and_said(
    last: Path, tmp_path: Path, capsys: Any, whose: str, peak: float
) -> None:
    state, said = resumed(last, tmp_path, capsys, "optim.lr=0.5", f"ckpt_lr={whose}")
    assert {group["initial_lr"] for group in state["param_groups"]} == {peak}
    assert said[0].startswith(f"group rest: lr {peak:g} of the {whose}, not ")


def test_a_learning_rate_without_a_schedule_starts_anew(last: Path, tmp_path: Path, capsys: Any) -> None:
    state, _ = resumed(last, tmp_path, capsys, "scheduler=none")
    assert {group["lr"] for group in state["param_groups"]} == {0.003}


def test_other_groups_keep_the_states_of_their_parameters(last: Path, tmp_path: Path, capsys: Any) -> None:
    rule = "param_groups.rules=[{match: model.head.*, weight_decay: 0.3, name: head}]"
    state, said = resumed(last, tmp_path, capsys, rule)
    assert said == [
        "group head is new, with model.head.0.bias, model.head.0.weight, model.head.3.bias, model.head.3.weight"
    ]
    before = read(last)["optimizer_states"][0]
    assert {float(entry["step"]) for entry in state["state"].values()} == {2.0}
    assert [group["weight_decay"] for group in before["param_groups"]] == [0.01, 0.0]
    assert [group["weight_decay"] for group in state["param_groups"]] == [0.01, 0.0, 0.3]


def test_another_optimizer_starts_afresh(last: Path, tmp_path: Path, capsys: Any) -> None:
    state, said = resumed(last, tmp_path, capsys, "optim=sgd")
    assert said == ["the optimizer starts afresh: the checkpoint holds the state of torch.optim.AdamW"]
    assert {group["initial_lr"] for group in state["param_groups"]} == {0.05}


def test_another_schedule_goes_on_from_the_same_step(last: Path, tmp_path: Path, capsys: Any) -> None:
    resumed(last, tmp_path, capsys, "scheduler=linear")
    schedule = read(tmp_path / "checkpoints" / "last.ckpt")["lr_schedulers"][0]
    assert schedule["last_epoch"] == 2


def test_frozen_in_mid_run_keeps_the_weights(last: Path, tmp_path: Path, capsys: Any) -> None:
    _, said = resumed(last, tmp_path, capsys, "param_groups.rules=[{match: model.features.*, freeze: true}]")
    assert any("no longer trained: model.features" in line for line in said)
    before, after = (read(path)["state_dict"] for path in (last, tmp_path / "checkpoints" / "last.ckpt"))
    assert torch.equal(before["model.features.0.0.weight"], after["model.features.0.0.weight"])
    assert not torch.equal(before["model.head.0.weight"], after["model.head.0.weight"])


@pytest.mark.parametrize(
    ("overrides", "fix"),
    [(("ckpt_lr=mine",), "ckpt_lr=config or ckpt_lr=checkpoint"), (("ckpt_lr=checkpoint",), "ckpt=PATH")],
)
def test_what_ckpt_lr_cannot_mean_is_refused(overrides: tuple[str, ...], fix: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        lossbook.train(lossbook.compose(*TINY, *overrides), tmp_path)
    assert caught.value.problems[0].fix == fix


def test_the_learning_rate_of_another_optimizer_is_refused(last: Path, tmp_path: Path) -> None:
    options = (f"ckpt={last}", "trainer.max_steps=-1", "optim=sgd", "ckpt_lr=checkpoint")
    with pytest.raises(UserError, match=r"the learning rate of torch.optim.AdamW for torch.optim.SGD"):
        lossbook.train(lossbook.compose(*options), tmp_path)


def test_another_optimizer_for_the_rest_starts_afresh(tmp_path: Path, capsys: Any) -> None:
    lossbook.train(lossbook.compose(*TINY, "optim=muon", "trainer.max_steps=1"), tmp_path / "a")
    rest = "optim.rest={_target_: torch.optim.Adagrad, lr: 0.01}"
    _, said = resumed(tmp_path / "a/checkpoints/last.ckpt", tmp_path / "b", capsys, "~optim.rest", f"+{rest}")
    kept = "torch.optim.Muon and torch.optim.AdamW"
    assert said == [f"the optimizer starts afresh: the checkpoint holds the state of {kept}"]


def test_a_state_of_another_kind_is_said(last: Path, tmp_path: Path, capsys: Any) -> None:
    state, said = resumed(last, tmp_path, capsys, "optim.amsgrad=true")
    assert said == [
        f"group {name}: amsgrad needs a state of another kind, which starts afresh" for name in ("rest", "no_decay")
    ]
    assert {float(entry["step"]) for entry in state["state"].values()} == {1.0}


def test_shares_that_do_not_follow_epochs_of_another_length_are_said(last: Path, tmp_path: Path, capsys: Any) -> None:
    _, said = resumed(last, tmp_path, capsys, "data.batch_size=24", "callbacks=swa")
    assert said == ["data.batch_size changed: callbacks.swa.start is compared with all steps so far, not with epochs"]
