from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

import lossbook
from lossbook.errors import UserError
from lossbook.training.find_lr import OPTIONS, find_lr, next_command

TINY = ("data.limit=96", "data.batch_size=96", "model.channels=[8]", "model.hidden=16", "trainer=cpu")


def test_it_writes_metric_and_table_and_prints_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = lossbook.compose(*TINY, "optim.lr=0.5", "scheduler=cosine")
    found = find_lr(config, tmp_path, {**OPTIONS, "find.steps": 80, "find.min": 1e-5})
    said = capsys.readouterr().out
    assert 1e-4 < found["lr"] < 0.3
    (line,) = [line for line in said.splitlines() if line.startswith("next")]
    assert line.endswith(f"scheduler=cosine optim.lr={found['lr']:g}")
    assert "optim.lr=0.5" not in line
    assert (tmp_path / "find_lr.png").read_bytes().startswith(b"\x89PNG")
    rows = list(csv.DictReader((tmp_path / "find_lr.csv").read_text().splitlines()))
    assert float(rows[0]["lr"]) == pytest.approx(1e-5)
    assert list(rows[0]) == ["step", "lr", "loss", "smoothed"]
    assert len(said.splitlines()) <= 5


def test_where_nothing_is_learnt_nothing_is_suggested(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = lossbook.compose(*TINY, "optim=sgd", "optim.maximize=true")  # uphill
    assert find_lr(config, tmp_path, {**OPTIONS, "find.steps": 20, "find.max": 1e-3}) == {}
    assert "larger find.max" in capsys.readouterr().out
    assert (tmp_path / "find_lr.png").is_file()


@pytest.mark.parametrize(("devices", "made"), [("auto", 1), ("[0]", [0])])
def test_it_runs_in_one_process_however_many_devices_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, devices: str, made: Any
) -> None:
    class SeenError(Exception):
        pass

    def build_trainer(options: Any, **ours: Any) -> None:
        raise SeenError(options["devices"])

    monkeypatch.setattr("lossbook.training.trainer.build_trainer", build_trainer)
    with pytest.raises(SeenError) as seen:
        find_lr(lossbook.compose(*TINY, f"trainer.devices={devices}"), tmp_path, OPTIONS)
    assert seen.value.args == (made,)


def test_a_folder_is_claimed_beside_the_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    find_lr(lossbook.compose(*TINY), None, {**OPTIONS, "find.steps": 20})
    (folder,) = tmp_path.glob("outputs/find_lr/cross_entropy-adam/*")
    assert {path.name for path in folder.iterdir()} == {"find_lr.png", "find_lr.csv"}


@pytest.mark.parametrize(
    ("overrides", "options", "said"),
    [
        (["optim=rprop"], {}, "which then adapts by itself"),
        (["optim=lbfgs"], {}, "step length by a line search"),
        (["optim.lr=0.0"], {}, "optim.lr=0.0"),
        (["trainer.devices=2"], {}, "trainer.devices=1"),
        (["trainer.num_nodes=2"], {}, "trainer.num_nodes=1"),
        ([], {"find.min": 1.0, "find.max": 0.1}, "find.max=0.1"),
        (["loss=ctc", "data=digits"], {}, "data=digit_lines"),
    ],
)
def test_what_makes_no_sense_is_refused(
    tmp_path: Path, overrides: list[str], options: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError) as error:
        find_lr(lossbook.compose(*overrides), tmp_path / "folder", {**OPTIONS, **options})
    assert said in str(error.value)
    assert not (tmp_path / "folder").exists()


def test_the_command_can_be_pasted_into_a_shell() -> None:
    given = ["loss=mine", "optim.lr=1", "logger=[tensorboard,csv]", "+optim.lr=2"]
    assert next_command(given, 0.0021, "my conf") == (
        "python scripts/train.py --config-dir 'my conf' loss=mine 'logger=[tensorboard,csv]' optim.lr=0.0021"
    )
