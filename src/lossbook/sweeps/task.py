"""One job of a sweep, as Hydra's launchers for clusters call it: in a process of theirs, on this or another machine."""

from __future__ import annotations

import atexit
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lossbook.sweeps import ledger
from lossbook.sweeps.plan import Plan
from lossbook.sweeps.supervise import Worker

if TYPE_CHECKING:
    from omegaconf import DictConfig


@dataclass(frozen=True)
class Task:
    """Hands a job to a worker. It can be pickled, and so sent anywhere.

    Args:
        sweep: its folder.
        script: which Lightning starts again for a job of several processes.
        timeout: seconds after which a job is killed; None: never.
        stop_on_error: whether no further job begins once one has failed.
        retry: whether a job that failed before is run again.
    """

    sweep: Path
    script: str
    timeout: float | None = None
    stop_on_error: bool = False
    retry: bool = False

    def __call__(self, config: DictConfig) -> str:
        """The job that Hydra gives; its number is the name of its folder. Returns how it ended."""
        from hydra.core.hydra_config import HydraConfig

        number = int(Path(HydraConfig.get().runtime.output_dir).name)
        worker, _ = self._worker
        return self.run(worker, number).status

    def run(self, worker: Worker, number: int) -> ledger.Ending:
        """Have the worker run a job of this sweep to its end, and note what came of it."""
        if ledger.stopped(self.sweep):
            return ledger.Ending("stopped")
        job = self._plan.jobs[number]
        folder = self.sweep / str(number)
        ending = worker.run(folder, job.name, job.overrides, self._plan.folders, self.timeout, self.retry)
        if ending.status == "failed" and self.stop_on_error:
            ledger.stop(self.sweep)
        return ending

    @cached_property
    def _plan(self) -> Plan:
        return Plan.read(self.sweep)

    @cached_property
    def _worker(self) -> tuple[Worker, Any]:
        """This process's worker, and the lock on the slot that tells it from those beside it."""
        slot, kept = ledger.slot(self.sweep)
        worker = Worker(self.script, slot=slot)
        atexit.register(worker.close)
        return worker, kept

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if not name.startswith("_")}
