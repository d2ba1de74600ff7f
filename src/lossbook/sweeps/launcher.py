"""Jobs that Hydra's launchers run in processes of theirs, on this or another machine, and recovery if one fails."""

from __future__ import annotations

import atexit
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lossbook.records.sweep import SweepJob, SweepPlan
from lossbook.sweeps.job_state import JobState, record_failure, state_now
from lossbook.sweeps.locks import request_stop, stop_requested, take_slot
from lossbook.sweeps.worker import Worker

if TYPE_CHECKING:
    from omegaconf import DictConfig

_PATIENCE_S = 60.0  # for a job to start while nothing else runs


@dataclass(frozen=True)
class JobRunner:
    """Has a worker run a job of a sweep. It can be pickled, and so sent to any process.

    Args:
        sweep: its folder.
        script: which Lightning starts again for a job of several processes.
        timeout: seconds after which a job is killed; None: never.
        stop_on_error: whether no more jobs start once one has failed.
        retry: whether a job that failed before is run again.
    """

    sweep: Path
    script: str
    timeout: float | None = None
    stop_on_error: bool = False
    retry: bool = False

    def __call__(self, config: DictConfig) -> str:
        """Run the job that Hydra gives, whose number is the name of its folder; return its status."""
        from hydra.core.hydra_config import HydraConfig

        number = int(Path(HydraConfig.get().runtime.output_dir).name)
        worker, _ = self._worker
        return self.run(worker, number).status

    def run(self, worker: Worker, number: int) -> JobState:
        """Have the worker run a job of this sweep to its end; return the state in which it ended."""
        if stop_requested(self.sweep):
            return JobState("stopped")
        job = self._plan.jobs[number]
        folder = self.sweep / str(number)
        state = worker.run(folder, job.name, job.overrides, self._plan.folders, self.timeout, self.retry)
        if state.status == "failed" and self.stop_on_error:
            request_stop(self.sweep)
        return state

    @cached_property
    def _plan(self) -> SweepPlan:
        return SweepPlan.read(self.sweep)

    @cached_property
    def _worker(self) -> tuple[Worker, Any]:
        """This process's worker, and the lock on the slot that distinguishes it from other workers."""
        slot, held = take_slot(self.sweep)
        worker = Worker(self.script, slot=slot)
        atexit.register(worker.close)
        return worker, held

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if not name.startswith("_")}


def recover(sweep: Path, jobs: Sequence[SweepJob], error: Exception) -> bool:
    """Recover after a launcher raised: wait for jobs that still run, record those whose process is gone as failed.

    Args:
        sweep: its folder.
        jobs: that the launcher was given.
        error: that it raised.

    Returns:
        Whether the error was about a process that had a job; False means that no job had started.
    """
    if all(state_now(sweep / str(job.number)).status == "waiting" for job in jobs):
        return False
    print(f"{type(error).__name__}: {str(error).partition(chr(10))[0]}", file=sys.stderr, flush=True)
    last = time.monotonic()
    while time.monotonic() - last < _PATIENCE_S:
        states = {state_now(sweep / str(job.number)).status for job in jobs}
        if "in another process" in states:
            last = time.monotonic()
        elif "waiting" not in states:
            break
        time.sleep(0.2)
    for job in jobs:
        folder = sweep / str(job.number)
        if state_now(folder).status == "cut short":
            message = f"The process that ran it was ended from outside ({type(error).__name__})."
            record_failure(folder, message, 0.0, resumable=True)
    return True
