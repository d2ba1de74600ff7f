"""A run that goes on in its own folder ends as one that was never killed: metrics, curves and table."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import lightning as L
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import lossbook
from lossbook.checkpoints.read import ENTRY, read
from lossbook.errors import UserError
from lossbook.training.resume import is_in_place

SHORT = (
    "data.limit=96", "data.batch_size=24", "trainer=cpu", "loss=nll", "trainer.max_epochs=3",
    "trainer.log_every_n_steps=3", "logger=[tensorboard,csv]",
)  # fmt: skip
NAME = "loss=nll"


def go_on(folder: Path, *overrides: str, ckpt: str = "last.ckpt") -> dict[str, Any]:
    return lossbook.train(lossbook.compose(f"ckpt={folder / 'checkpoints' / ckpt}", *overrides), folder, name=NAME)


def killed(folder: Path, where: str, *overrides: str) -> None:
    """A process of its own that kills itself as soon as ``where`` (an expression over ``trainer``) holds at a hook."""
    program = f"""
        import os, signal
        from pathlib import Path
        import lightning, lossbook

        class Kill(lightning.pytorch.callbacks.Checkpoint):  # called last
            def look(self, trainer, *_, **__):
                if {where}:
                    os.kill(os.getpid(), signal.SIGKILL)
            on_train_batch_end = on_train_epoch_end = on_train_epoch_start = on_test_start = on_test_end = look

        config = lossbook.compose(*{[*SHORT, *overrides]!r})
        lossbook.train(config, Path({str(folder)!r}), name={NAME!r}, callbacks=[Kill()])
    """
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    events = EventAccumulator(str(folder / NAME)).Reload()
    return {tag: [(point.step, point.value) for point in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def record(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "metrics.json").read_text())
    return {key: value for key, value in found.items() if key not in ("wall_time_s", "memory_mb", "ended")}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    lossbook.train(lossbook.compose(*SHORT), folder, name=NAME)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("where", "overrides"),
    [
        ("trainer.global_step == 6", []),  # amid the second epoch: points of its first steps must go
        ("trainer.global_step == 7", ["callbacks.checkpoints.every_n_steps=3"]),
        ("trainer.global_step == 8", []),  # right behind a checkpoint, before Lightning logs that epoch's metrics
        ("trainer.state.fn == 'test'", []),  # nothing is left to train
    ],
    ids=["within an epoch", "behind a checkpoint within one", "at an epoch's end", "in the test"],
)
def test_a_killed_run_goes_on_in_place(where: str, overrides: list[str], whole: Path, tmp_path: Path) -> None:
    killed(tmp_path, where, *overrides)
    assert not (tmp_path / "metrics.json").exists()
    last = read(tmp_path / "checkpoints" / "last.ckpt")[ENTRY]["seconds"]
    go_on(tmp_path)
    assert scalars(tmp_path) == scalars(whole)
    assert table(tmp_path) == table(whole)
    assert record(tmp_path) == record(whole)
    assert json.loads((tmp_path / "metrics.json").read_text())["wall_time_s"] > last > 0
    assert not list(tmp_path.parent.glob(f"{tmp_path.name}-2"))


def test_a_completed_run_is_not_gone_on_with(whole: Path) -> None:
    with pytest.raises(UserError, match="3 epochs are done"):
        go_on(whole)


def test_a_longer_run_goes_on_in_place(tmp_path: Path) -> None:
    lossbook.train(lossbook.compose(*SHORT, "trainer.max_epochs=1", "scheduler=none"), tmp_path, name=NAME)
    before = scalars(tmp_path)
    go_on(tmp_path, "trainer.max_epochs=2")
    after = scalars(tmp_path)
    assert [step for step, _ in after["val/acc"]] == [3, 7]
    assert after["val/acc"][0] == before["val/acc"][0]
    assert [step for step, _ in after["test/acc"]] == [8]  # once
    assert after["lr"][0] == before["lr"][0]


def test_from_elsewhere_it_goes_on_in_a_new_folder(whole: Path, tmp_path: Path) -> None:
    config = lossbook.compose(f"ckpt={whole / 'checkpoints' / 'last.ckpt'}", "trainer.max_epochs=4")
    lossbook.train(config, tmp_path)
    assert int(table(tmp_path)[0]["step"]) >= 12
    assert record(whole)["epochs"] == 3


class StopAfterFirst(L.Callback):
    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        trainer.should_stop = True


def test_training_that_was_told_to_stop_ends_there(tmp_path: Path) -> None:
    """As early stopping tells it: what is left of the run is its test."""
    lossbook.train(lossbook.compose(*SHORT), tmp_path, name=NAME, callbacks=[StopAfterFirst()])
    curves, done = scalars(tmp_path), record(tmp_path)
    assert done["epochs"] == 1
    (tmp_path / "metrics.json").unlink()
    go_on(tmp_path)
    assert (scalars(tmp_path), record(tmp_path)) == (curves, done)
    (tmp_path / "metrics.json").unlink()
    go_on(tmp_path, "trainer.max_epochs=2")  # another word of the user's
    assert record(tmp_path)["epochs"] == 2


@pytest.mark.parametrize(
    ("folder", "ckpt", "expected"),
    [
        ("a", "a/checkpoints/last.ckpt", True),
        ("b/../a", "a/checkpoints/best.ckpt", True),
        ("a", "b/checkpoints/last.ckpt", False),
        ("a", "a/last.ckpt", False),
        (None, "a/checkpoints/last.ckpt", False),
        ("a", None, False),
    ],
)
def test_in_place_is_where_the_checkpoint_lies(folder: str | None, ckpt: str | None, expected: bool) -> None:
    assert is_in_place(folder, ckpt) is expected
