"""What is wrong with the trainer's node is said key by key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch

import lossbook
from lossbook.errors import UserError
from lossbook.processes import LAUNCHED
from lossbook.training import trainer
from lossbook.training.trainer import build_trainer, trainer_options

QUIET: dict[str, Any] = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar"), False)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("precision", "foo"),
        ("max_time", "abc"),
        ("strategy", "foo"),
        ("devices", [0]),  # a processor has no number
        ("gradient_clip_algorithm", "foo"),
        ("limit_val_batches", 1.5),
    ],
)
def test_what_lightning_refuses_is_said_with_its_key(key: str, value: Any) -> None:
    node = {"max_epochs": 3, "accelerator": "cpu", "devices": 1, "log_every_n_steps": 7, key: value}
    with pytest.raises(UserError, match="Lightning says") as error:
        build_trainer(node, **QUIET)
    assert str(error.value).startswith(f"trainer.{key}=")
    assert len(str(error.value).splitlines()) <= 4


def test_callbacks_that_do_not_go_together_are_no_fault_of_the_trainers_keys() -> None:
    bars = [L.pytorch.callbacks.RichProgressBar(), L.pytorch.callbacks.TQDMProgressBar()]
    with pytest.raises(UserError, match=r"callbacks and loggers.*\n.*multiple progress bar"):
        build_trainer({"accelerator": "cpu", "max_epochs": 1}, callbacks=bars, logger=False, enable_checkpointing=False)


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ({"max_epoch": 3}, ["trainer.max_epoch=3", "trainer.max_epochs"]),
        ({"foo": 1}, ["trainer.foo=1", "no argument 'foo'"]),
        ({"logger": True}, ["trainer.logger=true", "logger=none"]),
        ({"val_check_interval": 6}, ["val_check_interval=6 with 5 batches", "check_val_every_n_epoch=null"]),
        ({"val_check_interval": 3, "limit_train_batches": 2}, ["val_check_interval=3 with 2 batches"]),
        ({"val_check_interval": 3, "limit_train_batches": 0.5}, ["val_check_interval=3 with 2 batches"]),
    ],
)
def test_what_cannot_be_is_said_before_there_is_a_trainer(node: dict[str, Any], said: list[str]) -> None:
    with pytest.raises(UserError) as error:
        trainer_options(node, 5)
    assert all(part in str(error.value) for part in said), str(error.value)


def test_points_of_the_curve_are_at_least_one_an_epoch() -> None:
    assert [trainer_options({"log_every_n_steps": n}, 5)["log_every_n_steps"] for n in (3, 50, None)] == [3, 5, 5]
    assert trainer_options({"limit_train_batches": 2}, 5)["log_every_n_steps"] == 2


@pytest.mark.parametrize(
    ("wanted", "there", "taken"),
    [("auto", True, "cuda"), ("auto", False, "cpu"), ("gpu", True, "cuda"), ("cpu", True, "cpu"), ("gpu", False, None)],
)
def test_a_gpu_is_one_of_cudas(wanted: str, there: bool, taken: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    if taken is not None:
        assert trainer_options({"accelerator": wanted}, 5)["accelerator"] == taken
        return
    with pytest.raises(UserError, match=r"accelerator=gpu[\s\S]*trainer=cpu"):
        trainer_options({"accelerator": wanted}, 5)


@pytest.mark.parametrize(
    ("slot", "count", "node", "devices"),
    [
        ("0", 2, {}, [0]),
        ("3", 2, {}, [1]),
        ("3", 1, {}, 1),  # one GPU is everybody's
        (None, 2, {}, 1),
        ("1", 2, {"devices": 2}, 2),
        ("1", 2, {"devices": [0]}, [0]),  # the user's own word
        ("1", 2, {"devices": "auto"}, "auto"),
        ("1", 2, {"accelerator": "cpu"}, 1),
    ],
)
def test_workers_of_a_sweep_take_the_gpus_in_turn(
    slot: str | None, count: int, node: dict[str, Any], devices: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    if slot is not None:
        monkeypatch.setenv("LOSSBOOK_SLOT", slot)
    assert trainer_options({"accelerator": "auto", "devices": 1, **node}, 5)["devices"] == devices


def test_a_test_runs_as_the_run_did() -> None:
    node = {"accelerator": "cpu", "devices": 1, "max_epochs": 5, "precision": "bf16-true", "limit_test_batches": 3}
    made = trainer.test_trainer({**node, "deterministic": True, "strategy": "ddp"})
    try:
        assert (made.precision, made.limit_test_batches) == ("bf16-true", 3)
        assert type(made.strategy).__name__ == "DDPStrategy"
        assert torch.are_deterministic_algorithms_enabled()
        assert made.loggers == []
    finally:
        torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize(
    "override",
    [
        "trainer.precision=foo",
        "+trainer.foo=1",
        "callbacks.checkpoints.every_n_steps=0",
        "optim.lr=-1",
        "+callbacks.early={_target_: lightning.pytorch.callbacks.EarlyStopping, monitor: val/loss, mode: foo}",
    ],
)
def test_a_mistake_leaves_no_folder_behind(override: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError):
        lossbook.train(lossbook.compose("data.limit=48", "trainer=cpu", override))
    assert list(tmp_path.iterdir()) == []


def test_no_more_processes_than_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    assert trainer_options({"accelerator": "cpu", "devices": 4}, 10)["devices"] == 4
    for devices in (1000, "1000"):
        with pytest.raises(UserError, match=r"trainer\.devices=1000\n.*4 processor cores\.\n  Fix: trainer\.devices=4"):
            trainer_options({"accelerator": "cpu", "devices": devices}, 10)


def test_an_argument_of_another_type_is_refused() -> None:
    with pytest.raises(UserError, match=r"trainer\.sync_batchnorm=abc\n.*true or false"):
        trainer_options({"accelerator": "cpu", "sync_batchnorm": "abc"}, 10)


def test_machines_that_nobody_started_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in LAUNCHED:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UserError, match="No launcher"):
        trainer_options({"num_nodes": 2, "accelerator": "cpu"}, 4)
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    assert trainer_options({"num_nodes": 2, "accelerator": "cpu"}, 4)["num_nodes"] == 2
