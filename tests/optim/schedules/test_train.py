"""Runs with schedules; resumed ones are the same to the bit."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

import lossbook
from lossbook.checkpoints.read import AtomicCheckpointIO, read
from lossbook.errors import UserError

TINY = ("data.limit=48", "data.batch_size=16", "trainer=cpu", "trainer.max_epochs=4", "model=mlp", "logger=csv")
ENDS = ("state_dict", "optimizer_states", "lr_schedulers", "global_step")
SCHEDULES = {
    "plateau": ["scheduler=plateau", "scheduler.patience=0", "scheduler.threshold=0.5", "scheduler.cooldown=1"],
    "plateau within the epoch": ["scheduler=plateau", "scheduler.patience=1", "trainer.val_check_interval=2"],
    "one cycle": ["scheduler=one_cycle", "scheduler.warmup=2", "param_groups.rules=[{match: '*.bias', lr: 0.1}]"],
    "epochs": ["scheduler=step", "scheduler.step_size=1", "scheduler.warmup=2", "optim=sgd"],
}


def train(folder: Path, *overrides: str) -> dict[str, Any]:
    return lossbook.train(lossbook.compose(*overrides), folder)


def same(left: Any, right: Any) -> bool:
    if isinstance(left, torch.Tensor):
        return torch.equal(left, right)
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(value, right[key]) for key, value in left.items())
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


@pytest.mark.parametrize("name", list(SCHEDULES))
def test_resumed_bit_for_bit(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Resume within an epoch, and at its end, where a plateau has just observed the metrics."""
    kept: list[Path] = []
    save = AtomicCheckpointIO.save_checkpoint

    def keep(self: Any, checkpoint: Any, path: Any, *rest: Any, **more: Any) -> None:
        save(self, checkpoint, path, *rest, **more)
        kept.append(tmp_path / f"{len(kept)}.ckpt")
        shutil.copy(path, kept[-1])

    options = [*TINY, *SCHEDULES[name]]
    with monkeypatch.context() as patch:
        patch.setattr(AtomicCheckpointIO, "save_checkpoint", keep)
        train(tmp_path / "whole", *options, "callbacks.checkpoints.every_n_steps=1")
    end = read(tmp_path / "whole/checkpoints/last.ckpt")
    assert end["global_step"] == 12
    by_step = {read(path)["global_step"]: path for path in kept}  # the last file of each step
    for step in (4, 6):
        train(tmp_path / str(step), f"ckpt={by_step[step]}", "callbacks.checkpoints.every_n_steps=null")
        resumed = read(tmp_path / str(step) / "checkpoints/last.ckpt")
        for key in ENDS:
            assert same(resumed[key], end[key]), (step, key)


def test_a_checkpoint_holds_what_a_plateau_made_of_its_epoch(tmp_path: Path) -> None:
    """Every validation after the first is bad: the rate is halved at the end of each of three epochs."""
    worse = ["scheduler.threshold=1e9", "scheduler.threshold_mode=abs", "scheduler.monitor=val/loss"]
    train(tmp_path, *TINY, "scheduler=plateau", "scheduler.patience=0", *worse)
    last = read(tmp_path / "checkpoints/last.ckpt")
    assert last["lr_schedulers"][0]["scale"] == 0.125
    assert {group["lr"] for group in last["optimizer_states"][0]["param_groups"]} == {0.003 / 8}


def test_the_curve_of_a_run_reaches_its_groups(tmp_path: Path) -> None:
    options = ["scheduler=linear", "scheduler.warmup=3", "param_groups.rules=[{match: '*.bias', lr: 0.1}]"]
    train(tmp_path, *TINY, *options, "trainer.log_every_n_steps=1")
    (file,) = tmp_path.rglob("metrics.csv")
    header, *rows = [line.split(",") for line in file.read_text().splitlines()]
    columns = {tag: [float(row[place]) for row in rows if row[place]] for place, tag in enumerate(header)}
    shares = [0.25, 0.5, 0.75, *(1 - k / 9 for k in range(9))]
    found = {tag: values for tag, values in columns.items() if tag.startswith("lr/")}
    assert len(found) == 2
    for values in found.values():
        peak = max(values)
        assert peak in (0.1, 0.003)
        assert values == pytest.approx([peak * share for share in shares])


def test_a_class_of_torchs_in_the_users_own_words(tmp_path: Path) -> None:
    (tmp_path / "conf/scheduler").mkdir(parents=True)
    node = "{_target_: torch.optim.lr_scheduler.StepLR, step_size: 1, gamma: 0.5, interval: epoch}"
    (tmp_path / "conf/scheduler/mine.yaml").write_text(node)
    lossbook.train(lossbook.compose(*TINY, "scheduler=mine", config_dir=tmp_path / "conf"), tmp_path)
    groups = read(tmp_path / "checkpoints/last.ckpt")["optimizer_states"][0]["param_groups"]
    assert {group["lr"] for group in groups} == {0.003 / 16}


def test_a_metric_that_is_missing_is_refused_after_the_first_validation(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"scheduler.monitor=val/acc"):
        train(tmp_path, *TINY, "scheduler=plateau", "scheduler.monitor=val/accuracy")


def test_a_run_without_an_end_and_a_schedule_that_needs_one(tmp_path: Path) -> None:
    endless = ["trainer.max_epochs=-1", "trainer.max_time='00:00:00:01'"]
    with pytest.raises(UserError, match="unknown length"):
        train(tmp_path, *TINY, *endless)


def test_another_size_of_batches_ends_at_the_end_of_the_schedule(tmp_path: Path) -> None:
    """Two of four epochs of 3 steps, then two of 6 or of 1."""
    options = [*TINY, "scheduler=linear", "scheduler.warmup=0", "trainer.log_every_n_steps=1"]
    train(tmp_path / "a", *options, "trainer.max_steps=6")
    last = tmp_path / "a/checkpoints/last.ckpt"
    for size, steps in ((8, 12), (48, 2)):
        folder = tmp_path / str(size)
        train(folder, f"ckpt={last}", "trainer.max_steps=-1", f"data.batch_size={size}")
        (file,) = folder.rglob("metrics.csv")
        header, *rows = [line.split(",") for line in file.read_text().splitlines()]
        rates = [float(row[header.index("lr")]) for row in rows if row[header.index("lr")]]
        assert rates == pytest.approx([0.003 * 0.5 * (steps - k) / steps for k in range(steps)])


TORCHS = {
    "epochs": "{_target_: torch.optim.lr_scheduler.StepLR, step_size: 1, gamma: 0.5, interval: epoch}",
    "steps": "{_target_: torch.optim.lr_scheduler.CosineAnnealingLR, T_max: 20}",
    "total": "{_target_: torch.optim.lr_scheduler.OneCycleLR, max_lr: 0.01}",
    "restarts": "{_target_: torch.optim.lr_scheduler.CosineAnnealingWarmRestarts, T_0: 5}",
}


@pytest.mark.parametrize("name", TORCHS)
@pytest.mark.parametrize("steps", [4, 6])
def test_a_class_of_torchs_follows_the_config_whatever_the_checkpoint_had(
    name: str, steps: int, tmp_path: Path
) -> None:
    """Resumed from its own state or another schedule's, the rates end like those of an uninterrupted run."""
    (tmp_path / "conf/scheduler").mkdir(parents=True)
    for each, node in {**TORCHS, "other": TORCHS["steps"].replace("20", "7")}.items():
        (tmp_path / f"conf/scheduler/{each}.yaml").write_text(node)

    def run(folder: str, *overrides: str) -> list[dict[str, Any]]:
        lossbook.train(lossbook.compose(*overrides, config_dir=tmp_path / "conf"), tmp_path / folder)
        groups: list[dict[str, Any]]
        groups = read(tmp_path / folder / "checkpoints/last.ckpt")["optimizer_states"][0]["param_groups"]
        return [{key: group[key] for key in ("lr", "betas")} for group in groups]

    whole = run("whole", *TINY, f"scheduler={name}", "optim.lr=0.01")
    for before in (name, "other", "cosine", "none"):
        run(f"cut-{before}", *TINY, f"scheduler={before}", "optim.lr=0.003", f"trainer.max_steps={steps}")
        ckpt = f"ckpt={tmp_path}/cut-{before}/checkpoints/last.ckpt"
        again = run(f"on-{before}", ckpt, "trainer.max_steps=-1", f"scheduler={name}", "optim.lr=0.01")
        assert again == whole, before
