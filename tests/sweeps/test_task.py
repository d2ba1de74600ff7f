"""What a launcher calls: it can be sent anywhere, and keeps one worker a process."""

from __future__ import annotations

import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lossbook.sweeps import ledger, task
from lossbook.sweeps.ledger import Ending
from lossbook.sweeps.plan import Job, Plan
from lossbook.sweeps.task import Task


class Recorded:
    """Stands for a worker: the job with ``seed=1`` fails."""

    made: list[Recorded] = []  # noqa: RUF012

    def __init__(self, script: str, threads: int | None = None, slot: int | None = None) -> None:
        self.told = (script, threads, slot)
        self.ran: list[tuple[Any, ...]] = []
        Recorded.made.append(self)

    def close(self) -> None: ...

    def run(self, folder: Path, name: str, overrides: tuple[str, ...], *rest: Any) -> Ending:
        self.ran.append((folder, name, overrides, *rest))
        return Ending("failed" if "seed=1" in overrides else "completed")


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    jobs = tuple(Job(number, f"seed={number}", (f"seed={number}",)) for number in range(3))
    Plan(("train.py",), (), ("/mine",), "/", ("seed",), jobs).write(tmp_path)
    monkeypatch.setattr(task, "Worker", Recorded)
    Recorded.made.clear()
    return tmp_path


def test_a_job_is_told_to_the_worker(sweep: Path) -> None:
    one, worker = Task(sweep, "train.py", timeout=5.0, retry=True), Recorded("train.py")
    assert [one.run(worker, number).status for number in range(3)] == ["completed", "failed", "completed"]
    assert worker.ran[1] == (sweep / "1", "seed=1", ("seed=1",), ("/mine",), 5.0, True)


def test_no_job_begins_after_a_failure_where_that_is_asked_for(sweep: Path) -> None:
    one, worker = Task(sweep, "train.py", stop_on_error=True), Recorded("train.py")
    assert [one.run(worker, number).status for number in (0, 1, 2)] == ["completed", "failed", "stopped"]
    ledger.start(sweep)
    assert one.run(worker, 2).status == "completed"


def test_where_a_launcher_sends_it_it_has_a_worker_with_a_slot_of_its_own(
    sweep: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, kept = ledger.slot(sweep)
    assert number == 0  # of another process
    one = pickle.loads(pickle.dumps(Task(sweep, "train.py", timeout=5.0)))
    assert one == Task(sweep, "train.py", timeout=5.0)
    hydra = SimpleNamespace(runtime=SimpleNamespace(output_dir=str(sweep / "2")))
    monkeypatch.setattr("hydra.core.hydra_config.HydraConfig.get", lambda: hydra)
    assert [one({}), one({})] == ["completed", "completed"]
    (worker,) = Recorded.made
    assert worker.told == ("train.py", None, 1)
    assert [folder for folder, *_ in worker.ran] == [sweep / "2", sweep / "2"]
    assert pickle.loads(pickle.dumps(one)) == one  # without the worker
    one._worker[1].release()
    kept.release()
