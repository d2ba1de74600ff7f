"""A launcher gives up on a process: its job is recorded, and those of others are waited for."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from lossbook.sweeps import settling
from lossbook.sweeps.ledger import lock, record_failure, standing
from lossbook.sweeps.plan import Job
from lossbook.sweeps.settling import settled

JOBS = [Job(number, f"seed={number}", (f"seed={number}",)) for number in range(3)]


def begun(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "output.txt").touch()


def test_an_error_before_any_job_has_begun_is_of_another_kind(tmp_path: Path) -> None:
    assert not settled(tmp_path, JOBS, OSError("cannot allocate memory"))
    assert list(tmp_path.glob("[0-9]*")) == []


def test_what_nobody_trains_any_more_is_recorded_and_what_somebody_does_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(settling, "_PATIENCE_S", 5.0)
    for number in (0, 1):
        begun(tmp_path / str(number))
    taken = threading.Event()

    def other() -> None:
        with lock(tmp_path / "1").acquire(timeout=0):
            taken.set()
            time.sleep(0.5)
            record_failure(tmp_path / "2", "of its own", 1.0, resumable=False)  # which had not begun before
            record_failure(tmp_path / "1", "of its own", 1.0, resumable=False)

    thread = threading.Thread(target=other)
    thread.start()
    assert taken.wait(20)
    assert settled(tmp_path, JOBS, RuntimeError("a process has ended"))
    thread.join()
    lost = standing(tmp_path / "0")
    assert (lost.status, lost.resumable) == ("failed", True)
    assert "was ended from outside" in lost.message
    assert [standing(tmp_path / number).message for number in ("1", "2")] == ["of its own"] * 2
    assert "RuntimeError: a process has ended" in capsys.readouterr().err


def test_it_does_not_wait_for_ever_for_what_does_not_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "_PATIENCE_S", 0.1)
    begun(tmp_path / "0")
    assert settled(tmp_path, JOBS, RuntimeError("a process has ended"))
    assert [standing(tmp_path / str(job.number)).status for job in JOBS] == ["failed", "waiting", "waiting"]
