"""One job of a sweep, as Hydra's launchers call it: in this process, or in others on this or another machine."""

from __future__ import annotations

import atexit
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
        script: which Lightning starts again for a job of several processes.
        timeout: seconds after which a job is killed; None: never.
        stop_on_error: whether no further job begins once one has failed.
        retry: whether a job that failed before is run again.
        threads: of a worker; None: torch's own choice.
        parallel: whether other processes work beside this one, and devices are dealt out between them.
    """

    script: str
    timeout: float | None = None
    stop_on_error: bool = False
    retry: bool = False
    threads: int | None = None
    parallel: bool = False

    def __call__(self, config: DictConfig) -> str:
        """The job that Hydra gives; its number is the name of its folder. Returns how it ended."""
        from hydra.core.hydra_config import HydraConfig

        folder = Path(HydraConfig.get().runtime.output_dir)
        return self.run(folder.parent, int(folder.name)).status

    def run(self, sweep: Path, number: int) -> ledger.Ending:
        """Run a job of this sweep to its end, and note what came of it."""
        if ledger.stopped(sweep):
            return ledger.Ending("stopped")
        plan = Plan.read(sweep)
        job = plan.jobs[number]
        ending = self.worker(sweep).run(
            sweep / str(number), job.name, job.overrides, plan.folders, self.timeout, self.retry
        )
        if ending.status == "failed" and self.stop_on_error:
            ledger.stop(sweep)
        return ending

    def worker(self, sweep: Path) -> Worker:
        """This process's worker for a sweep, which is started where there is none yet."""
        if sweep not in _workers:
            number, kept = ledger.slot(sweep) if self.parallel else (None, None)
            _workers[sweep] = Worker(self.script, self.threads, number), kept
            atexit.register(self.close, sweep)
        worker, _ = _workers[sweep]
        worker.start()
        return worker

    @staticmethod
    def close(sweep: Path) -> None:
        """End this process's worker for a sweep, and give its slot back."""
        if sweep in _workers:
            worker, kept = _workers.pop(sweep)
            worker.close()
            if kept is not None:
                kept.release()
