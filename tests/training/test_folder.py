"""What a run leaves in its folder."""

from __future__ import annotations

import json
import time
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from lightning.pytorch.utilities.exceptions import SIGTERMException

from lossbook.data.fitted import FittedData
from lossbook.data.schema import Schema
from lossbook.errors import Pruned, refuse
from lossbook.records.run import is_completed
from lossbook.training.callbacks.checkpoints import Checkpoints
from lossbook.training.fit import Outcome
from lossbook.training.folder import RunFolder

CONFIG = {"seed": 0, "choices": {"loss": "nll", "data": "digits"}}


def run_folder(folder: Path) -> RunFolder:
    fitted = FittedData(Schema("none", (1,), 7), None, None, {"train": 7, "val": 2, "test": 3}, "0123456789abcdef")
    return RunFolder(folder, CONFIG, ("val/acc", "max"), fitted)


def trainer(*callbacks: Any) -> Any:
    return SimpleNamespace(callbacks=list(callbacks), current_epoch=3, global_step=40)


def test_the_config_is_whole(tmp_path: Path) -> None:
    run_folder(tmp_path).start()
    assert yaml.safe_load((tmp_path / "config.yaml").read_text()) == CONFIG


def test_a_run_that_ended_by_itself(tmp_path: Path) -> None:
    run_folder(tmp_path).finish(
        Outcome({"val/acc": 0.5}, best_epoch=2, epochs=3, steps=40), 1.23456, {"memory_mb": 12.5}
    )
    record = json.loads((tmp_path / "metrics.json").read_text())
    assert abs(datetime.fromisoformat(record.pop("ended")).timestamp() - time.time()) < 60
    assert record == {
        "status": "completed",
        "primary": "val/acc",
        "mode": "max",
        "data": {"name": "digits", "fingerprint": "0123456789abcdef", "samples": {"train": 7, "val": 2, "test": 3}},
        "best_epoch": 2,
        "epochs": 3,
        "steps": 40,
        "wall_time_s": 1.235,
        "memory_mb": 12.5,
        "metrics": {"val/acc": 0.5},
    }


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (KeyboardInterrupt(), "interrupted", "Stopped by Ctrl-C or a signal."),
        (SIGTERMException(), "interrupted", "Stopped by Ctrl-C or a signal."),
        (ValueError("it broke"), "failed", "ValueError: it broke"),
        (SystemExit(3), "failed", "SystemExit: 3"),  # of the user's own code
        (refuse("seed=-1", "A seed is positive."), "failed", "seed=-1\n  A seed is positive."),
        (Pruned("hopeless"), "pruned", "hopeless"),
    ],
)
def test_a_run_that_was_broken_off_tells_what_it_had(
    tmp_path: Path, error: BaseException, status: str, message: str
) -> None:
    kept = Checkpoints(tmp_path)
    kept.best_metrics, kept.best_epoch = {"val/acc": 0.9}, 1
    kept.best_path, kept.last_path = tmp_path / "best.ckpt", tmp_path / "last.ckpt"
    said, outcome = run_folder(tmp_path).fail(error, trainer(kept), 2.0, {})
    assert (said, outcome.last_path) == (status, tmp_path / "last.ckpt")
    written = json.loads((tmp_path / "metrics.json").read_text())
    assert written["status"] == status
    assert written["message"] == message
    assert (written["best_epoch"], written["epochs"], written["steps"]) == (2, 3, 40)
    assert written["metrics"] == {"val/acc": 0.9}


def test_a_metric_that_is_not_finite_is_null(tmp_path: Path) -> None:
    metrics = {"test/loss": float("nan"), "test/mae": float("inf"), "test/r2": 0.5}
    run_folder(tmp_path).finish(Outcome(metrics), 1.0, {})

    def not_json(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    written = json.loads((tmp_path / "metrics.json").read_text(), parse_constant=not_json)
    assert written["metrics"] == {"test/loss": None, "test/mae": None, "test/r2": 0.5}


def test_a_pruned_run_without_checkpoints_tells_its_latest_metrics(tmp_path: Path) -> None:
    pruned = trainer()
    pruned.callback_metrics = {"val/acc": 0.25, "train/loss_step": 1.0}
    assert run_folder(tmp_path).fail(Pruned(), pruned, 2.0, {})[1].metrics == {"val/acc": 0.25}


def test_an_earlier_attempts_metrics_no_longer_hold(tmp_path: Path) -> None:
    run_folder(tmp_path).finish(Outcome(), 1.0, {})
    assert is_completed(tmp_path)
    run_folder(tmp_path).start()
    assert not (tmp_path / "metrics.json").exists()


def test_what_a_killed_attempt_was_writing_is_removed_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    left = [".metrics.json.123.part", ".config.yaml.7.part", "checkpoints/.last.ckpt.123.part", ".somebody.else.part"]
    for name in left:
        (tmp_path / name).touch()
    run_folder(tmp_path).start()
    assert [name for name in left if (tmp_path / name).exists()] == [".somebody.else.part"]


def test_only_the_first_process_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    run_folder(tmp_path).start()
    run_folder(tmp_path).finish(Outcome(), 1.0, {})
    assert not list(tmp_path.iterdir())
