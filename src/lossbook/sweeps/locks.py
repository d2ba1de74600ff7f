"""Locks by which several processes share a sweep's folder; the operating system frees those of a killed process."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock

from lossbook.errors import refuse
from lossbook.records.plan_file import SWEEP

_LOCKS = ".locks"
_STOP = "stopped"


def lock(folder: Path) -> FileLock:
    """Return the lock of a job's folder, which lies beside that folder."""
    locks = folder.parent / _LOCKS
    locks.mkdir(parents=True, exist_ok=True)
    return FileLock(locks / f"{folder.name}.lock")


def is_running(folder: Path) -> bool:
    """Return whether a process is running the job of this folder."""
    if not folder.is_dir():
        return False
    try:
        with lock(folder).acquire(timeout=0):
            return False
    except TimeoutError:
        return True


@contextmanager
def new_sweep(sweep: Path) -> Iterator[None]:
    """Hold the folder of a new sweep within the block, in which the plan is to be written.

    A folder in which that was cut short counts as empty.

    Raises:
        UserError: it already holds something, or another process is starting a sweep there.
    """
    with suppress(TimeoutError), lock(sweep / "plan").acquire(timeout=0):
        if not any(path.name != _LOCKS for path in sweep.iterdir()):
            yield
            return
    resume = shlex.quote(f"{SWEEP.resume}={sweep}")
    fix = f"{resume} resumes the sweep in it" if (sweep / SWEEP.name).exists() else "another folder"
    raise refuse(f"hydra.sweep.dir={sweep}", "A new sweep needs an empty folder.", fix)


def take_slot(sweep: Path) -> tuple[int, FileLock]:
    """Return the lowest number that no other process of this sweep has, and the lock that holds it."""
    number = 0
    while True:
        slot = lock(sweep / f"slot-{number}")
        try:
            slot.acquire(timeout=0)
        except TimeoutError:
            number += 1
            continue
        return number, slot


def request_stop(sweep: Path) -> None:
    """Ask every process of a sweep to start no more jobs."""
    (sweep / _LOCKS).mkdir(parents=True, exist_ok=True)
    (sweep / _LOCKS / _STOP).touch()


def stop_requested(sweep: Path) -> bool:
    """Return whether a stop was requested since the sweep was last started."""
    return (sweep / _LOCKS / _STOP).exists()


def clear_stop(sweep: Path) -> None:
    """Withdraw the request to stop."""
    (sweep / _LOCKS / _STOP).unlink(missing_ok=True)
