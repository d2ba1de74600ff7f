"""Workers beside each other: whoever is free takes what is next, and all stop together."""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from pathlib import Path
from typing import Any

import pytest

from lossbook.sweeps.locks import take_slot
from lossbook.sweeps.worker_pool import make_workers, run_workers, worker_threads


class StandIn:
    """A worker whose jobs last until it is told to stop."""

    def __init__(self) -> None:
        self.slot: int | None = None
        self.calls: list[str] = []
        self.stopped = threading.Event()

    def start(self) -> None:
        self.calls.append("start")

    def interrupt(self) -> None:
        self.calls.append("interrupt")
        self.stopped.set()

    def kill(self) -> None:
        self.calls.append("kill")
        self.stopped.set()

    def close(self) -> None:
        self.calls.append("close")


@pytest.mark.parametrize(
    ("said", "number"), [("", 1), ("3", 3), ("2,1", 2), (" 4 ", 4), ("many", 1), ("0", 1), ("-1", 1)]
)
def test_threads_are_those_of_the_environment_or_one(said: str, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", said)
    assert worker_threads() == number
    assert [worker.threads for worker in make_workers("train.py", 2)] == [number, number]
    assert [worker.threads for worker in make_workers("train.py", 1)] == [None]  # torch's own choice
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert worker_threads() == 1


def test_each_takes_the_next_until_none_is_left(tmp_path: Path) -> None:
    workers: list[Any] = [StandIn(), StandIn()]
    left, taken = deque(range(20)), []
    both = threading.Barrier(2, timeout=20)

    def give(worker: StandIn) -> bool:
        try:
            taken.append((worker.slot, left.popleft()))
        except IndexError:
            return False
        if worker.calls == ["start"]:
            worker.calls.append("gave")
            both.wait()  # neither is alone
        return True

    run_workers(workers, give, tmp_path)
    assert sorted(number for _, number in taken) == list(range(20))
    assert {slot for slot, _ in taken} == {0, 1}
    assert [worker.calls for worker in workers] == [["start", "gave", "close"]] * 2
    number, kept = take_slot(tmp_path)
    assert number == 0  # theirs are given back
    kept.release()


def test_an_error_stops_the_others_and_is_raised(tmp_path: Path) -> None:
    workers: list[Any] = [StandIn(), StandIn()]

    def give(worker: StandIn) -> bool:
        if worker is workers[0]:
            raise ZeroDivisionError("broken")
        return worker.stopped.wait(20) or pytest.fail("it was not told")

    with pytest.raises(ZeroDivisionError, match="broken"):
        run_workers(workers, give, tmp_path)
    assert {"interrupt", "close"} <= set(workers[1].calls)


@pytest.mark.parametrize("signals", [(signal.SIGINT,), (signal.SIGINT, signal.SIGINT)])
def test_who_stops_it_waits_for_the_workers(
    tmp_path: Path, signals: tuple[signal.Signals, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    worker: Any = StandIn()
    patient = len(signals) > 1

    def give(worker: StandIn) -> bool:
        os.kill(os.getpid(), signals[0])
        assert worker.stopped.wait(20)
        if patient:  # it does not end for being asked
            worker.stopped.clear()
            os.kill(os.getpid(), signals[1])
            assert worker.stopped.wait(20)
        worker.calls.append("ended")
        return True

    with pytest.raises(KeyboardInterrupt):
        run_workers([worker], give, tmp_path)
    assert worker.calls == ["start", "interrupt", *(["kill"] if patient else []), "ended", "close"]
    assert "Ctrl-C again: stop at once" in capsys.readouterr().err
