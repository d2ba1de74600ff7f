"""The state of a sweep's jobs, derived from their folders: no other record exists that could disagree with them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lossbook.records.progress import remove_progress
from lossbook.records.run import read_metrics, write_failure
from lossbook.sweeps.locks import is_running


@dataclass(frozen=True)
class JobState:
    """The state of a job.

    Args:
        status: ``completed``, ``failed``, ``interrupted`` or ``pruned`` as in its metrics.json; ``cut short`` if there
            is a folder without that file, ``waiting`` if there is none; ``in another process``; ``stopped`` if the
            sweep ended before its turn.
        message: of a failure, one or several lines.
        resumable: whether a failure came from outside (killed, timed out), so that the last checkpoint is sound.
    """

    status: str
    message: str = ""
    resumable: bool = False


def state_of(folder: Path) -> JobState:
    """Return the state that a job's folder records."""
    record = read_metrics(folder)
    if record is not None and "status" in record:
        return JobState(str(record["status"]), str(record.get("message", "")), bool(record.get("resumable")))
    return JobState("cut short" if folder.is_dir() and any(folder.iterdir()) else "waiting")


def state_now(folder: Path) -> JobState:
    """Return the state of a job, ``in another process`` if one is running it."""
    state = state_of(folder)
    return JobState("in another process") if state.status != "completed" and is_running(folder) else state


def is_due(state: JobState, retry: bool) -> bool:
    """Return whether a job has yet to run; a failed one only with ``retry``."""
    return state.status in ("waiting", "cut short", "interrupted") or (retry and state.status == "failed")


def record_failure(folder: Path, message: str, seconds: float, resumable: bool) -> JobState:
    """Record the end of a job that could not record it itself."""
    remove_progress(folder)
    write_failure(folder, message, seconds, resumable)
    return JobState("failed", message, resumable)
