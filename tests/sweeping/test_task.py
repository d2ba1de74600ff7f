"""What a launcher calls: it can be sent anywhere, and keeps one worker a process."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lossbook.sweeping import ledger, task
from lossbook.sweeping.ledger import Ending
from lossbook.sweeping.plan import Job, Plan
from lossbook.sweeping.task import Task


class Recorded:
    """Stands for a worker: the job with ``seed=1`` fails."""

    made: list[Recorded] = []  # noqa: RUF012

    def __init__(self, script: str, threads: int | None, slot: int | None) -> None:
        self.told = (script, threads, slot)
        self.ran: list[tuple[Any, ...]] = []
        self.closed = False
        Recorded.made.append(self)

    def start(self) -> None: ...

    def close(self) -> None:
        self.closed = True

    def run(self, folder: Path, name: str, overrides: tuple[str, ...], *rest: Any) -> Ending:
        self.ran.append((folder, name, overrides, *rest))
        return Ending("failed" if "seed=1" in overrides else "completed")


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    jobs = tuple(Job(number, f"seed={number}", (f"seed={number}",)) for number in range(3))
    Plan(("train.py",), (), ("/mine",), "/", ("seed",), jobs).write(tmp_path)
    monkeypatch.setattr(task, "Worker", Recorded)
    Recorded.made.clear()
    yield tmp_path
    Task(tmp_path, "").close()


def test_jobs_of_a_process_share_a_worker(sweep: Path) -> None:
    one = Task(sweep, "train.py", timeout=5.0, retry=True)
    assert [one.run(number).status for number in range(3)] == ["completed", "failed", "completed"]
    (worker,) = Recorded.made
    assert worker.told == ("train.py", None, None)
    assert worker.ran[1] == (sweep / "1", "seed=1", ("seed=1",), ("/mine",), 5.0, True)
    one.close()
    assert worker.closed


def test_no_job_begins_after_a_failure_where_that_is_asked_for(sweep: Path) -> None:
    one = Task(sweep, "train.py", stop_on_error=True)
    assert [one.run(number).status for number in (0, 1, 2)] == ["completed", "failed", "stopped"]
    ledger.start(sweep)
    assert one.run(2).status == "completed"


def test_workers_beside_each_other_have_slots_of_their_own(sweep: Path) -> None:
    number, kept = ledger.slot(sweep)
    assert number == 0  # of another process
    one = Task(sweep, "train.py", threads=1, parallel=True)
    one.run(0)
    assert Recorded.made[0].told == ("train.py", 1, 1)
    one.close()
    number, again = ledger.slot(sweep)
    assert number == 1
    kept.release()
    again.release()


def test_it_can_be_sent_to_another_process_where_its_worker_starts_at_once(sweep: Path) -> None:
    one = Task(sweep, "train.py", timeout=5.0, threads=1)
    assert Recorded.made == []
    assert pickle.loads(pickle.dumps(one)) == one
    assert len(Recorded.made) == 1
