"""``hydra/sweeper=lossbook``: run every combination of values, like Hydra's own sweeper, with a plan and a report.

Hydra imports this file whenever it starts, so slow imports happen inside functions.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.plugins.sweeper import Sweeper

if TYPE_CHECKING:
    from hydra.types import HydraContext, TaskFunction
    from omegaconf import DictConfig

    from lossbook.records.sweep import SweepJob, SweepPlan
    from lossbook.sweeps.launcher import JobRunner
    from lossbook.sweeps.worker import Worker


_MANY = 500  # jobs: planning more takes seconds


class LossbookSweeper(Sweeper):
    """Plans a sweep, runs its jobs one after another or with Hydra's launcher, and writes its report.

    Args:
        params: key -> values to sweep unless the command line sets the key.
        timeout: seconds after which a job is killed; None: never.
        on_error: ``continue`` with the other jobs, or ``stop``.
        resume: folder of an earlier sweep to resume; None: a new one.
        retry: whether jobs that failed are run again.
    """

    def __init__(self, params: Any, timeout: float | None, on_error: str, resume: str | None, retry: bool) -> None:
        self.params = dict(params or {})
        self.timeout = timeout
        self.on_error = on_error
        self.resume = resume
        self.retry = retry
        self.command = tuple(sys.argv)  # as it was typed

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.context = hydra_context
        self.hydra: Any = config.hydra
        self.whole = config

    def sweep(self, arguments: list[str]) -> None:
        from lossbook.config.arguments import belongs_to_hydra
        from lossbook.errors import refuse
        from lossbook.records.sweep import SweepPlan
        from lossbook.sweeps import launcher, sweep
        from lossbook.sweeps.hydra_settings import refuse_ineffective
        from lossbook.sweeps.locks import lock, new_sweep
        from lossbook.sweeps.plan import extend

        if self.on_error not in ("continue", "stop"):
            raise refuse(
                f"hydra.sweeper.on_error={self.on_error}",
                "on_error must be 'continue' or 'stop'.",
                "sweep.on_error=stop",
            )
        refuse_ineffective(self.command[1:], self.hydra)
        launch = self._launch_here if self._workers else self._launch_elsewhere
        if self.resume is None:
            plan = self._planned(arguments)
            folder = Path(str(self.hydra.sweep.dir))  # claimed now, after the checks
            folder.mkdir(parents=True, exist_ok=True)
            with new_sweep(folder):
                plan.write(folder)
        else:
            folder = Path(self.resume)
            plan = SweepPlan.read(folder)
            if arguments != [one for one in plan.arguments if not belongs_to_hydra(one)]:
                with lock(folder / "plan"):
                    plan = extend(SweepPlan.read(folder), self._planned(arguments))
                    plan.write(folder)
        runner = launcher.JobRunner(
            folder.absolute(), self.command[0], self.timeout, self.on_error == "stop", self.retry
        )
        how = f"hydra/launcher={self.hydra.runtime.choices['hydra/launcher']}"
        if self._workers:
            how = "one process" if self._workers == 1 else f"{self._workers} processes in parallel"
        sweep.run_sweep(folder, plan, partial(launch, runner), self.retry, how)

    @property
    def _workers(self) -> int:
        """The number of worker processes that this one starts; 0 if Hydra's launcher runs the jobs elsewhere."""
        launcher = str(self.hydra.launcher._target_)
        if launcher.endswith(".BasicLauncher"):
            return 1
        if "joblib" not in launcher:
            return 0
        from joblib import effective_n_jobs

        return int(effective_n_jobs(self.hydra.launcher.n_jobs))

    def _planned(self, arguments: Sequence[str]) -> SweepPlan:
        """Return the plan of every combination."""
        from lossbook.config.arguments import belongs_to_hydra
        from lossbook.config.options import Options, conf_folder
        from lossbook.records.sweep import SweepPlan
        from lossbook.sweeps.compatible import with_refusals
        from lossbook.sweeps.expansion import expand_jobs
        from lossbook.sweeps.plan import name_jobs

        loader = self.context.config_loader
        sources = [Path(one.path).absolute() for one in loader.get_sources() if one.scheme() == "file" and one.path]
        others = [folder for folder in sources if folder != conf_folder()]
        folders = [conf_folder(), *others]
        varied, jobs = name_jobs(expand_jobs(arguments, self.params, Options(folders), loader))
        if len(jobs) > _MANY:
            print(f"{len(jobs)} jobs are checked against the contracts ...", flush=True)
        return SweepPlan(
            command=self.command,
            arguments=(*arguments, *filter(belongs_to_hydra, self.command[1:])),
            folders=tuple(map(str, others)),
            cwd=str(Path.cwd()),
            varied=tuple(varied),
            jobs=tuple(with_refusals(jobs, folders)),
        )

    def _launch_here(self, runner: JobRunner, sweep: Path, jobs: Sequence[SweepJob]) -> None:
        from lossbook.sweeps.worker_pool import make_workers, run_workers

        waiting = deque(jobs)

        def step(worker: Worker) -> bool:
            try:
                job = waiting.popleft()
            except IndexError:
                return False
            runner.run(worker, job.number)
            return True

        if jobs:
            run_workers(make_workers(runner.script, min(self._workers, len(jobs))), step, runner.sweep)

    def _launch_elsewhere(self, runner: JobRunner, sweep: Path, jobs: Sequence[SweepJob]) -> None:
        """Give the jobs to Hydra's launcher, which calls the runner wherever it runs them."""
        from hydra.core.plugins import Plugins

        from lossbook.config.arguments import quoted
        from lossbook.sweeps.launcher import recover

        if not jobs:
            return
        launcher = Plugins.instance().instantiate_launcher(
            hydra_context=self.context, task_function=runner, config=self.whole
        )
        # a launcher numbers its jobs from 0; ours keep the numbers of the plan, which name their folders
        where = [f"hydra.sweep.dir={quoted(str(sweep.absolute()))}"]
        overrides = [[*where, f"hydra.sweep.subdir={job.number}", *job.overrides] for job in jobs]
        try:
            for result in launcher.launch(overrides, initial_job_idx=0):
                _ = result.return_value  # raises what went wrong outside the job
        except Exception as error:
            if not recover(sweep, jobs, error):
                raise
