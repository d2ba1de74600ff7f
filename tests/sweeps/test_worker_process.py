"""Within the process that trains: what a job finds, and what it leaves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
import torch

from lossbook.errors import Pruned, refuse
from lossbook.sweeps.job_state import JobState, record_failure
from lossbook.sweeps.locks import lock
from lossbook.sweeps.worker_process import run_job

calls: list[Any] = []


@pytest.fixture
def train(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Stands for training: prints, and ends as it is told to."""
    monkeypatch.chdir(tmp_path)
    calls.clear()
    fate: list[BaseException | None] = [None]

    def train(config: Any, folder: Path, *, name: str | None, callbacks: Any) -> None:
        calls.append((config, folder, name, list(sys.argv)))
        assert (folder / "progress.json").exists()
        subprocess.run([sys.executable, "-c", "print('of another process')"], check=True)
        print("of this one")
        if fate[0] is not None:
            raise fate[0]
        (folder / "metrics.json").write_text(json.dumps({"status": "completed"}))

    monkeypatch.setattr("lossbook.training.train.train", train)
    return fate


def run(*overrides: str, retry: bool = False) -> tuple[JobState, bool]:
    with open(1, "w", closefd=False) as out, redirect_stdout(out):  # as in a process that pytest has no hand in
        return run_job("sweep/3", "seed=1", list(overrides), [], "scripts/train.py", retry, None)


def test_a_job_is_told_by_its_arguments_and_prints_into_its_folder(train: Any) -> None:
    before = list(sys.argv)
    assert run("loss=mse", "seed=1") == (JobState("completed"), False)
    ((config, folder, name, argv),) = calls
    assert (config.choices.loss, config.seed, folder, name) == ("mse", 1, Path("sweep/3").absolute(), "seed=1")
    assert argv == ["scripts/train.py", "loss=mse", "seed=1"]  # for those that start the script again
    assert sys.argv == before
    assert not Path("sweep/3/progress.json").exists()
    lines = Path("sweep/3/output.txt").read_text().splitlines()
    assert lines[0] == "$ python scripts/train.py loss=mse seed=1"
    assert sorted(lines[1:]) == ["of another process", "of this one"]


@pytest.mark.parametrize(
    ("error", "ending", "worn"),
    [
        (refuse("seed=1", "No."), JobState("failed", "seed=1\n  No."), False),
        (ValueError("broken"), JobState("failed", "ValueError: broken"), True),
        (SystemExit(2), JobState("failed", "SystemExit: 2"), True),
        (KeyboardInterrupt(), JobState("interrupted"), True),
        (Pruned(), JobState("cut short"), False),
    ],
)
def test_how_it_ends_without_a_record_of_its_own(
    train: Any, error: BaseException, ending: JobState, worn: bool
) -> None:
    train[0] = error
    assert run("loss=mse") == (ending, worn)


def test_a_mistake_in_the_arguments_is_a_failure_of_the_job(train: Any) -> None:
    ending, worn = run("loss=msee")
    assert (ending.status, worn) == ("failed", False)
    assert ending.message.startswith("loss=msee")
    assert calls == []


def test_what_was_cut_short_goes_on_and_what_raised_starts_afresh(train: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from lossbook import compose

    monkeypatch.setattr("lossbook.config.resume.resume", lambda *_: compose("loss=l1"))
    checkpoint = Path("sweep/3/checkpoints/last.ckpt")
    checkpoint.parent.mkdir(parents=True)
    torch.save({"state_dict": {}, "lossbook": {"config": {}}}, checkpoint)
    run("loss=mse")
    assert calls[-1][0].choices.loss == "l1"  # as the checkpoint has it
    assert calls[-1][3][1:] == [f"ckpt={checkpoint.absolute()}"]
    record_failure(Path("sweep/3"), "killed", 1.0, resumable=True)
    run("loss=mse", retry=True)
    assert calls[-1][3][1:] == [f"ckpt={checkpoint.absolute()}"]
    record_failure(Path("sweep/3"), "raised", 1.0, resumable=False)
    run("loss=mse", retry=True)
    assert calls[-1][3][1:] == ["loss=mse"]
    assert not checkpoint.exists()
    assert Path("sweep/3/output.txt").read_text().count("$ python") == 3


def test_a_checkpoint_that_cannot_be_read_is_none(train: Any) -> None:
    Path("sweep/3/checkpoints").mkdir(parents=True)
    Path("sweep/3/checkpoints/last.ckpt").touch()
    assert run("loss=mse") == (JobState("completed"), False)
    assert calls[-1][3][1:] == ["loss=mse"]


def test_what_is_left_of_a_failure_tells_of_it_until_the_end(train: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    record_failure(Path("sweep/3"), "raised", 1.0, resumable=False)
    for name in ("checkpoints", "events"):
        (Path("sweep/3") / name).mkdir()
    removed: list[str] = []
    monkeypatch.setattr("shutil.rmtree", lambda path: (removed.append(path.name), path.rmdir()))
    monkeypatch.setattr(Path, "unlink", lambda path, missing_ok=False: removed.append(path.name))
    run("loss=mse", retry=True)
    assert removed[:3] == ["checkpoints", "events", "metrics.json"]


def test_what_is_done_or_somebody_elses_is_left_alone(train: Any) -> None:
    with lock(Path("sweep/3")).acquire(timeout=0):
        assert run("loss=mse") == (JobState("in another process"), False)
    run("loss=mse")
    assert run("loss=mse", retry=True) == (JobState("completed"), False)
    record_failure(Path("sweep/3"), "raised", 1.0, resumable=False)
    assert run("loss=mse") == (JobState("failed", "raised"), False)
    assert len(calls) == 1


@pytest.mark.slow
def test_nothing_is_left_open(train: Any) -> None:
    run("loss=mse")
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    for number in range(5):
        run_job(f"sweep/{number + 10}", "", ["loss=mse"], [], "scripts/train.py", False, None)
    assert before == (len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0)


def test_what_has_completed_is_not_turned_into_a_failure(train: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def late(config: Any, folder: Path, **_: Any) -> None:
        (folder / "metrics.json").write_text(json.dumps({"status": "completed"}))
        raise RuntimeError("behind it")

    monkeypatch.setattr("lossbook.training.train.train", late)
    assert run("loss=mse") == (JobState("completed"), True)
