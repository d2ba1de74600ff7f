"""What becomes of a sweep when its launcher gives up on one of the processes that it has started."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from lossbook.sweeps.ledger import record_failure, standing_now
from lossbook.sweeps.plan import Job

_PATIENCE_S = 60.0  # for a job to begin, where nothing else runs


def settled(sweep: Path, jobs: Sequence[Job], error: Exception) -> bool:
    """Wait for the jobs that other processes still train, and record those whose process is gone.

    Args:
        sweep: its folder.
        jobs: that were given to the launcher.
        error: that the launcher has raised.

    Returns:
        Whether the error was about the end of a process that had a job; else it is of another kind.
    """
    if all(standing_now(sweep / str(job.number)).status == "waiting" for job in jobs):
        return False
    print(f"{type(error).__name__}: {str(error).partition(chr(10))[0]}", file=sys.stderr, flush=True)
    last = time.monotonic()
    while time.monotonic() - last < _PATIENCE_S:
        states = {standing_now(sweep / str(job.number)).status for job in jobs}
        if "in another process" in states:
            last = time.monotonic()
        elif "waiting" not in states:
            break
        time.sleep(0.2)
    for job in jobs:
        folder = sweep / str(job.number)
        if standing_now(folder).status == "cut short":
            message = f"The process that ran it was ended from outside ({type(error).__name__})."
            record_failure(folder, message, 0.0, resumable=True)
    return True
