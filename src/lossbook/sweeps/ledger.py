"""How the jobs of a sweep stand, read from their folders: there is no other record that could disagree with them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from lossbook.errors import refuse
from lossbook.files import now, write_whole

METRICS = "metrics.json"
OUTPUT = "output.txt"  # all that a job has printed
_LOCKS = ".locks"
_STOPPED = "stopped"


@dataclass(frozen=True)
class Ending:
    """How a job stands.

    Args:
        status: ``completed``, ``failed``, ``interrupted`` or ``pruned`` as in its metrics.json; ``cut short`` where
            there is a folder without that file, ``waiting`` where there is none; ``in another
            process``; ``stopped`` where the sweep ended before its turn.
        message: of what failed, in one or several lines.
        resumable: a failure that came from outside (killed, timed out), so that its last checkpoint is sound.
    """

    status: str
    message: str = ""
    resumable: bool = False


def standing(folder: Path) -> Ending:
    """How the job of this folder stands."""
    values = figures(folder)
    if values is not None:
        return Ending(str(values["status"]), str(values.get("message", "")), bool(values.get("resumable")))
    return Ending("cut short" if folder.is_dir() and any(folder.iterdir()) else "waiting")


def standing_now(folder: Path) -> Ending:
    """How the job of this folder stands, whether a process has it right now among it."""
    ending = standing(folder)
    return Ending("in another process") if ending.status != "completed" and running(folder) else ending


def figures(folder: Path) -> dict[str, Any] | None:
    """What metrics.json says; None where there is none that can be read."""
    try:
        values = json.loads((folder / METRICS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return values if isinstance(values, dict) and "status" in values else None


def written(path: Path) -> int | None:
    """When a file was last written; None where there is none."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


def due(ending: Ending, retry: bool) -> bool:
    """Whether a job is still to be run, failed ones only where ``retry`` asks for it."""
    return ending.status in ("waiting", "cut short", "interrupted") or (retry and ending.status == "failed")


def record_failure(folder: Path, message: str, seconds: float, resumable: bool) -> Ending:
    """Writes down the end of a job that could not do so itself."""
    values = {
        "status": "failed",
        "message": message,
        "resumable": resumable,
        "primary": None,
        "wall_time_s": round(seconds, 3),
        "ended": now(),
        "metrics": {},
    }
    text = json.dumps(values, indent=2)
    write_whole(folder / METRICS, lambda file: file.write(text.encode()))
    return Ending("failed", message, resumable)


def lock(folder: Path) -> FileLock:
    """The lock of a job, which the operating system takes back from a process that is killed."""
    locks = folder.parent / _LOCKS
    locks.mkdir(parents=True, exist_ok=True)
    return FileLock(locks / f"{folder.name}.lock")


@contextmanager
def beginning(sweep: Path) -> Iterator[None]:
    """Takes a folder for a new sweep, whose plan is to be written within.

    A folder in which that was cut short counts as empty.

    Raises:
        UserError: it holds something already, or another process is just beginning there.
    """
    with suppress(TimeoutError), lock(sweep / "plan").acquire(timeout=0):
        if not any(path.name != _LOCKS for path in sweep.iterdir()):
            yield
            return
    rule = "A new sweep wants an empty folder."
    going_on = shlex.quote(f"sweep.resume={sweep}")
    fix = f"{going_on} goes on with the sweep in it" if (sweep / "sweep.json").exists() else "another folder"
    raise refuse(f"hydra.sweep.dir={sweep}", rule, fix)


def running(folder: Path) -> bool:
    """Whether a process has the job of this folder right now."""
    if not folder.is_dir():
        return False
    try:
        with lock(folder).acquire(timeout=0):
            return False
    except TimeoutError:
        return True


def slot(sweep: Path) -> tuple[int, FileLock]:
    """The lowest number that no other process of this sweep has, and the lock that keeps it."""
    number = 0
    while True:
        taken = lock(sweep / f"slot-{number}")
        try:
            taken.acquire(timeout=0)
        except TimeoutError:
            number += 1
            continue
        return number, taken


def stop(sweep: Path) -> None:
    """Tells every process of this sweep not to begin another job."""
    (sweep / _LOCKS).mkdir(parents=True, exist_ok=True)
    (sweep / _LOCKS / _STOPPED).touch()


def stopped(sweep: Path) -> bool:
    """Whether ``stop`` was called since the sweep was last started."""
    return (sweep / _LOCKS / _STOPPED).exists()


def start(sweep: Path) -> None:
    """Takes ``stop`` back."""
    (sweep / _LOCKS / _STOPPED).unlink(missing_ok=True)
