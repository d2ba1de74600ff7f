"""How a job stands follows from its folder alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lossbook.errors import UserError
from lossbook.sweeps import ledger
from lossbook.sweeps.ledger import Ending, due, lock, record_failure, slot, standing


def test_no_folder_is_waiting_and_a_folder_without_figures_is_cut_short(tmp_path: Path) -> None:
    assert standing(tmp_path / "0").status == "waiting"
    (tmp_path / "0").mkdir()
    assert standing(tmp_path / "0").status == "waiting"
    (tmp_path / "0" / "config.yaml").touch()
    assert standing(tmp_path / "0").status == "cut short"


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"metrics": {}}'])
def test_figures_that_cannot_be_read_count_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "metrics.json").write_text(text)
    assert standing(tmp_path).status == "cut short"


def test_a_failure_that_is_recorded_is_found_again(tmp_path: Path) -> None:
    written = record_failure(tmp_path / "3", "killed", 1.23456, resumable=True)
    assert standing(tmp_path / "3") == written == Ending("failed", "killed", True)
    assert json.loads((tmp_path / "3" / "metrics.json").read_text())["wall_time_s"] == 1.235


@pytest.mark.parametrize(
    ("status", "without", "with_retry"),
    [
        ("waiting", True, True),
        ("cut short", True, True),
        ("interrupted", True, True),
        ("failed", False, True),
        ("completed", False, False),
        ("pruned", False, False),
    ],
)
def test_what_is_due(status: str, without: bool, with_retry: bool) -> None:
    assert (due(Ending(status), False), due(Ending(status), True)) == (without, with_retry)


def test_a_killed_process_gives_its_lock_back(tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
from lossbook.sweeps.ledger import lock
kept = lock(Path({str(tmp_path / "0")!r})).acquire(timeout=0)
print("taken", flush=True)
input()
"""
    other = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert other.stdout is not None
    assert other.stdin is not None
    other.stdout.readline()
    with pytest.raises(TimeoutError):
        lock(tmp_path / "0").acquire(timeout=0)
    os.kill(other.pid, signal.SIGKILL)
    other.wait()
    other.stdin.close()
    other.stdout.close()
    with lock(tmp_path / "0").acquire(timeout=5):
        pass


def test_a_job_that_some_process_has_is_running(tmp_path: Path) -> None:
    assert not ledger.running(tmp_path / "0")
    (tmp_path / "0").mkdir()
    assert not ledger.running(tmp_path / "0")
    with lock(tmp_path / "0").acquire(timeout=0):
        assert ledger.running(tmp_path / "0")


def test_a_folder_is_taken_for_one_sweep_alone(tmp_path: Path) -> None:
    with ledger.beginning(tmp_path), pytest.raises(UserError, match="A new sweep wants"), ledger.beginning(tmp_path):
        pass
    with ledger.beginning(tmp_path):  # the other one was cut short before it had a plan
        (tmp_path / "sweep.json").touch()
    with pytest.raises(UserError, match="goes on with the sweep in it"), ledger.beginning(tmp_path):
        pass
    (tmp_path / "other" / "0").mkdir(parents=True)
    with pytest.raises(UserError, match="another folder"), ledger.beginning(tmp_path / "other"):
        pass


def test_slots_are_the_lowest_that_are_free(tmp_path: Path) -> None:
    taken = [slot(tmp_path) for _ in range(3)]
    assert [number for number, _ in taken] == [0, 1, 2]
    taken[1][1].release()
    again = slot(tmp_path)
    assert again[0] == 1
    for _, kept in (*taken, again):
        kept.release()


def test_a_sweep_that_was_stopped_starts_again(tmp_path: Path) -> None:
    assert not ledger.stopped(tmp_path)
    ledger.stop(tmp_path)
    assert ledger.stopped(tmp_path)
    ledger.start(tmp_path)
    assert not ledger.stopped(tmp_path)
    ledger.start(tmp_path)
