"""A job runner can be sent anywhere and keeps one worker a process; jobs are recovered when a launcher raises."""

from __future__ import annotations

import pickle
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lossbook.records.sweep import SweepJob, SweepPlan
from lossbook.sweeps import launcher
from lossbook.sweeps.job_state import JobState, record_failure, state_of
from lossbook.sweeps.launcher import JobRunner, recover
from lossbook.sweeps.locks import clear_stop, lock, take_slot

JOBS = [SweepJob(number, f"seed={number}", (f"seed={number}",)) for number in range(3)]


class Recorded:
    """Stands for a worker: the job with ``seed=1`` fails."""

    made: list[Recorded] = []  # noqa: RUF012

    def __init__(self, script: str, threads: int | None = None, slot: int | None = None) -> None:
        self.told = (script, threads, slot)
        self.ran: list[tuple[Any, ...]] = []
        Recorded.made.append(self)

    def close(self) -> None: ...

    def run(self, folder: Path, name: str, overrides: tuple[str, ...], *rest: Any) -> JobState:
        self.ran.append((folder, name, overrides, *rest))
        return JobState("failed" if "seed=1" in overrides else "completed")


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    jobs = tuple(SweepJob(number, f"seed={number}", (f"seed={number}",)) for number in range(3))
    SweepPlan(("train.py",), (), ("/mine",), "/", ("seed",), jobs).write(tmp_path)
    monkeypatch.setattr(launcher, "Worker", Recorded)
    Recorded.made.clear()
    return tmp_path


def test_a_job_is_told_to_the_worker(sweep: Path) -> None:
    one, worker = JobRunner(sweep, "train.py", timeout=5.0, retry=True), Recorded("train.py")
    assert [one.run(worker, number).status for number in range(3)] == ["completed", "failed", "completed"]
    assert worker.ran[1] == (sweep / "1", "seed=1", ("seed=1",), ("/mine",), 5.0, True)


def test_no_job_begins_after_a_failure_where_that_is_asked_for(sweep: Path) -> None:
    one, worker = JobRunner(sweep, "train.py", stop_on_error=True), Recorded("train.py")
    assert [one.run(worker, number).status for number in (0, 1, 2)] == ["completed", "failed", "stopped"]
    clear_stop(sweep)
    assert one.run(worker, 2).status == "completed"


def test_where_a_launcher_sends_it_it_has_a_worker_with_a_slot_of_its_own(
    sweep: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, kept = take_slot(sweep)
    assert number == 0  # of another process
    one = pickle.loads(pickle.dumps(JobRunner(sweep, "train.py", timeout=5.0)))
    assert one == JobRunner(sweep, "train.py", timeout=5.0)
    hydra = SimpleNamespace(runtime=SimpleNamespace(output_dir=str(sweep / "2")))
    monkeypatch.setattr("hydra.core.hydra_config.HydraConfig.get", lambda: hydra)
    assert [one({}), one({})] == ["completed", "completed"]
    (worker,) = Recorded.made
    assert worker.told == ("train.py", None, 1)
    assert [folder for folder, *_ in worker.ran] == [sweep / "2", sweep / "2"]
    assert pickle.loads(pickle.dumps(one)) == one  # without the worker
    one._worker[1].release()
    kept.release()


def begun(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "output.txt").touch()


def test_an_error_before_any_job_has_begun_is_of_another_kind(tmp_path: Path) -> None:
    assert not recover(tmp_path, JOBS, OSError("cannot allocate memory"))
    assert list(tmp_path.glob("[0-9]*")) == []


def test_what_nobody_trains_any_more_is_recorded_and_what_somebody_does_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(launcher, "_PATIENCE_S", 5.0)
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
    assert recover(tmp_path, JOBS, RuntimeError("a process has ended"))
    thread.join()
    lost = state_of(tmp_path / "0")
    assert (lost.status, lost.resumable) == ("failed", True)
    assert "was ended from outside" in lost.message
    assert [state_of(tmp_path / number).message for number in ("1", "2")] == ["of its own"] * 2
    assert "RuntimeError: a process has ended" in capsys.readouterr().err


def test_it_does_not_wait_for_ever_for_what_does_not_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher, "_PATIENCE_S", 0.1)
    begun(tmp_path / "0")
    assert recover(tmp_path, JOBS, RuntimeError("a process has ended"))
    assert [state_of(tmp_path / str(job.number)).status for job in JOBS] == ["failed", "waiting", "waiting"]
