"""What a run leaves in its folder."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from lossbook.callbacks.checkpoints import Checkpoints
from lossbook.run.fit import Outcome
from lossbook.run.folder import RunFolder


def run_folder(folder: Path) -> RunFolder:
    return RunFolder(folder, {"seed": 0, "choices": {"loss": "nll"}}, ("val/acc", "max"))


def trainer(*callbacks: Any) -> Any:
    return SimpleNamespace(callbacks=list(callbacks), current_epoch=3, global_step=40)


def test_the_config_is_whole(tmp_path: Path) -> None:
    run_folder(tmp_path).start()
    assert yaml.safe_load((tmp_path / "config.yaml").read_text()) == {"seed": 0, "choices": {"loss": "nll"}}


def test_a_run_that_ended_by_itself(tmp_path: Path) -> None:
    run_folder(tmp_path).finish(Outcome({"val/acc": 0.5}, best_epoch=2, epochs=3, steps=40), 1.23456)
    assert json.loads((tmp_path / "metrics.json").read_text()) == {
        "status": "completed",
        "primary": "val/acc",
        "mode": "max",
        "best_epoch": 2,
        "epochs": 3,
        "steps": 40,
        "wall_time_s": 1.235,
        "metrics": {"val/acc": 0.5},
    }


@pytest.mark.parametrize(
    ("error", "status"), [(KeyboardInterrupt(), "interrupted"), (ValueError("it broke"), "failed")]
)
def test_a_run_that_was_broken_off_tells_what_it_had(tmp_path: Path, error: BaseException, status: str) -> None:
    kept = Checkpoints(tmp_path)
    kept.best_figures, kept.best_epoch = {"val/acc": 0.9}, 1
    kept.best_path, kept.last_path = tmp_path / "best.ckpt", tmp_path / "last.ckpt"
    assert run_folder(tmp_path).fail(error, trainer(kept), 2.0) == tmp_path / "last.ckpt"
    written = json.loads((tmp_path / "metrics.json").read_text())
    assert written["status"] == status
    assert written["message"] == (str(error) or "KeyboardInterrupt")
    assert (written["best_epoch"], written["epochs"], written["steps"]) == (2, 3, 40)
    assert written["metrics"] == {"val/acc": 0.9}


def test_a_figure_that_is_not_finite_is_null(tmp_path: Path) -> None:
    figures = {"test/loss": float("nan"), "test/mae": float("inf"), "test/r2": 0.5}
    run_folder(tmp_path).finish(Outcome(figures), 1.0)

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    written = json.loads((tmp_path / "metrics.json").read_text(), parse_constant=refuse)
    assert written["metrics"] == {"test/loss": None, "test/mae": None, "test/r2": 0.5}


def test_without_checkpoints_there_is_nothing_to_go_on_from(tmp_path: Path) -> None:
    assert run_folder(tmp_path).fail(ValueError(), trainer(), 2.0) is None


def test_only_the_first_process_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    run_folder(tmp_path).start()
    run_folder(tmp_path).finish(Outcome(), 1.0)
    assert not list(tmp_path.iterdir())
