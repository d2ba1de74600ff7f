"""A row for each job that has ended, whoever ran it."""

from __future__ import annotations

import io
import json
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from lossbook.records.sweep import SweepJob
from lossbook.sweeps import progress
from lossbook.sweeps.progress import SweepProgress

JOBS = [SweepJob(0, "loss=mse", ()), SweepJob(1, "loss=[l1]", ())]


def within(seconds: float, condition: Callable[[], bool]) -> None:
    """Waits until that holds."""
    late = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < late
        time.sleep(0.01)


def end(folder: Path, status: str = "completed", **more: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    values = {"status": status, "primary": "val/r2", "wall_time_s": 75, "metrics": {"val/r2": 0.51234}, **more}
    (folder / "metrics.json").write_text(json.dumps(values))


def test_rows_come_once_in_the_order_of_ending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_PERIOD_S", 0.01)
    text = io.StringIO()
    with SweepProgress(tmp_path, JOBS, Console(file=text, width=200)) as watching:
        end(tmp_path / "1", "failed", message="a [bold] mistake\nin two lines", primary=None, metrics={})
        within(60, lambda: bool(text.getvalue()))
        end(tmp_path / "0")
    assert text.getvalue().splitlines() == [
        "1/2  #1  loss=[l1]  failed  a [bold] mistake in two lines",
        "2/2  #0  loss=mse   val/r2            0.5123      1:15",
    ]
    assert watching._ended == [1, 0]


def test_metrics_of_an_earlier_attempt_are_not_taken_for_new_ones(tmp_path: Path) -> None:
    end(tmp_path / "0", "failed", message="before")
    text = io.StringIO()
    with SweepProgress(tmp_path, JOBS[:1], Console(file=text, width=200)):
        pass
    assert text.getvalue() == ""


def test_a_terminal_shows_what_is_under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_PERIOD_S", 0.01)
    end(tmp_path / "0")
    text = io.StringIO()
    with SweepProgress(tmp_path, JOBS, Console(file=text, width=200, force_terminal=True)) as watching:
        assert watching._line() == "starting: importing torch"
        (tmp_path / "1").mkdir()
        (tmp_path / "1" / "progress.json").write_text('{"epoch": 2, "epochs": 20}')
        assert re.fullmatch(r"0 of 2 in \S+ s: #1 loss=\[l1\], epoch 2/20", watching._line())
        end(tmp_path / "0", message="again")
        within(60, lambda: bool(watching._ended))
        assert watching._line().startswith("1 of 2 in ")
        assert watching._line().endswith(": #1 loss=[l1], epoch 2/20")
    assert "#1" in text.getvalue()


def test_the_time_that_is_left_runs_down_while_a_job_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watching = SweepProgress(tmp_path, JOBS, Console(file=io.StringIO()))
    assert watching._left(2) == ""
    watching._first, watching._last, watching._ended = 100.0, 110.0, [0]
    monkeypatch.setattr(time, "monotonic", lambda: 113.0)
    assert watching._left(1) == ", about 7.0 s left"
    monkeypatch.setattr(time, "monotonic", lambda: 125.0)
    assert watching._left(1) == ""  # longer than the one before


def test_a_single_job_is_called_by_its_arguments(tmp_path: Path) -> None:
    text = io.StringIO()
    with SweepProgress(tmp_path, [SweepJob(0, "", ("loss=mse", "seed=3"))], Console(file=text, width=200)):
        end(tmp_path / "0")
    assert text.getvalue().startswith("1/1  #0  loss=mse seed=3  val/r2")


def test_a_long_message_is_cut(tmp_path: Path) -> None:
    text = io.StringIO()
    with SweepProgress(tmp_path, JOBS[:1], Console(file=text, width=200)):
        end(tmp_path / "0", "failed", message="long " * 100)
    assert text.getvalue().endswith("long…\n")
