"""Locks and slots that processes share; a killed process gives them back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lossbook.errors import UserError
from lossbook.sweeps.locks import clear_stop, is_running, lock, new_sweep, request_stop, stop_requested, take_slot


def test_a_killed_process_gives_its_lock_back(tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
from lossbook.sweeps.locks import lock
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
    assert not is_running(tmp_path / "0")
    (tmp_path / "0").mkdir()
    assert not is_running(tmp_path / "0")
    with lock(tmp_path / "0").acquire(timeout=0):
        assert is_running(tmp_path / "0")


def test_a_folder_is_taken_for_one_sweep_alone(tmp_path: Path) -> None:
    with new_sweep(tmp_path), pytest.raises(UserError, match="A new sweep needs"), new_sweep(tmp_path):
        pass
    with new_sweep(tmp_path):  # the other one was cut short before it had a plan
        (tmp_path / "sweep.json").touch()
    with pytest.raises(UserError, match="resumes the sweep in it"), new_sweep(tmp_path):
        pass
    (tmp_path / "other" / "0").mkdir(parents=True)
    with pytest.raises(UserError, match="another folder"), new_sweep(tmp_path / "other"):
        pass


def test_slots_are_the_lowest_that_are_free(tmp_path: Path) -> None:
    taken = [take_slot(tmp_path) for _ in range(3)]
    assert [number for number, _ in taken] == [0, 1, 2]
    taken[1][1].release()
    again = take_slot(tmp_path)
    assert again[0] == 1
    for _, kept in (*taken, again):
        kept.release()


def test_a_sweep_that_was_stopped_starts_again(tmp_path: Path) -> None:
    assert not stop_requested(tmp_path)
    request_stop(tmp_path)
    assert stop_requested(tmp_path)
    clear_stop(tmp_path)
    assert not stop_requested(tmp_path)
    clear_stop(tmp_path)
