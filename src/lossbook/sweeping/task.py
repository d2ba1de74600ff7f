"""One job of a sweep, as Hydra's launchers call it: in this process, or in others on this or another machine."""

from __future__ import annotations

import atexit
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lossbook.orphans import end_with_parent
from lossbook.sweeping import ledger
from lossbook.sweeping.plan import Plan
from lossbook.sweeping.supervise import Worker

if TYPE_CHECKING:
    from omegaconf import DictConfig

_workers: dict[Path, tuple[Worker, Any]] = {}  # of this process: one a sweep, with the lock on its slot


@dataclass(frozen=True)
class Task:
    """Hands a job to the worker of this process. It can be pickled, and so sent anywhere.

    Args:
        sweep: its folder.
        script: which Lightning starts again for a job of several processes.
        timeout: seconds after which a job is killed; None: never.
        stop_on_error: whether no further job begins once one has failed.
        retry: whether a job that failed before is run again.
        threads: of a worker; None: torch's own choice.
        parallel: whether other processes work beside this one, and devices are dealt out between them.
        child: whether a process that this is sent to was started by the sweep's, and ends with it, by SIGKILL as well.
    """

    sweep: Path
    script: str
    timeout: float | None = None
    stop_on_error: bool = False
    retry: bool = False
    threads: int | None = None
    parallel: bool = False
    child: bool = False

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self.child:
            end_with_parent()
        self.worker()  # it was sent to where its jobs run: importing torch takes seconds, which Hydra's part may fill

    def __call__(self, config: DictConfig) -> str:
        """The job that Hydra gives; its number is the name of its folder. Returns how it ended."""
        from hydra.core.hydra_config import HydraConfig

        return self.run(int(Path(HydraConfig.get().runtime.output_dir).name)).status

    def run(self, number: int) -> ledger.Ending:
        """Run a job of this sweep to its end, and note what came of it."""
        if ledger.stopped(self.sweep):
            return ledger.Ending("stopped")
        plan = Plan.read(self.sweep)
        job = plan.jobs[number]
        folder = self.sweep / str(number)
        ending = self.worker().run(folder, job.name, job.overrides, plan.folders, self.timeout, self.retry)
        if ending.status == "failed" and self.stop_on_error:
            ledger.stop(self.sweep)
        return ending

    def worker(self) -> Worker:
        """This process's worker for the sweep, which is started where there is none yet."""
        if self.sweep not in _workers:
            number, kept = ledger.slot(self.sweep) if self.parallel else (None, None)
            _workers[self.sweep] = Worker(self.script, self.threads, number), kept
            atexit.register(self.close)
        worker, _ = _workers[self.sweep]
        worker.start()
        return worker

    def close(self) -> None:
        """End this process's worker for the sweep, and give its slot back."""
        if self.sweep in _workers:
            worker, kept = _workers.pop(self.sweep)
            worker.close()
            if kept is not None:
                kept.release()
