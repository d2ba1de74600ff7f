"""``hydra/sweeper=lossbook``: every combination of the values, as Hydra's own sweeper, but planned, kept and reported.

Hydra imports this file whenever it starts: what takes time is imported when it is needed.
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

    from lossbook.sweeps.plan import Job, Plan
    from lossbook.sweeps.supervise import Worker
    from lossbook.sweeps.task import Task


_MANY = 500  # jobs, whose plan takes seconds


class LossbookSweeper(Sweeper):
    """Plans a sweep, has its jobs run by Hydra's launcher or one after the other, and writes its report.

    Args:
        params: key -> values that are swept unless the command line says otherwise.
        timeout: seconds after which a job is killed; None: never.
        on_error: ``continue`` with the other jobs, or ``stop``.
        resume: folder of an earlier sweep that is gone on with; None: a new one.
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
        from lossbook.sweeps import ledger, sweep, task
        from lossbook.sweeps.allowed import configs
        from lossbook.sweeps.plan import Plan
        from lossbook.sweeps.unheeded import refuse_unheeded

        if self.on_error not in ("continue", "stop"):
            raise refuse(f"hydra.sweeper.on_error={self.on_error}", "It is continue or stop.", "sweep.on_error=stop")
        refuse_unheeded(self.command[1:], self.hydra)
        launch = self._launch_here if self._workers else self._launch_elsewhere
        if self.resume is None:
            plan = self._planned(arguments)
            folder = Path(str(self.hydra.sweep.dir))  # claimed now, after the checks
            folder.mkdir(parents=True, exist_ok=True)
            with ledger.beginning(folder):
                plan.write(folder)
        else:
            folder = Path(self.resume)
            plan = Plan.read(folder)
            if arguments != [one for one in plan.arguments if not belongs_to_hydra(one)]:
                with ledger.lock(folder / "plan"):
                    plan = Plan.read(folder).grown(self._planned(arguments), configs)
                    plan.write(folder)
        job = task.Task(folder.absolute(), self.command[0], self.timeout, self.on_error == "stop", self.retry)
        how = f"hydra/launcher={self.hydra.runtime.choices['hydra/launcher']}"
        if self._workers:
            how = "one process" if self._workers == 1 else f"{self._workers} processes beside each other"
        sweep.run(folder, plan, partial(launch, job), self.retry, how)

    @property
    def _workers(self) -> int:
        """How many jobs are trained at once by processes of this one; 0 where Hydra's launcher sends them elsewhere."""
        launcher = str(self.hydra.launcher._target_)
        if launcher.endswith(".BasicLauncher"):
            return 1
        if "joblib" not in launcher:
            return 0
        from joblib import effective_n_jobs

        return int(effective_n_jobs(self.hydra.launcher.n_jobs))

    def _planned(self, arguments: Sequence[str]) -> Plan:
        """The plan of every combination."""
        from lossbook.config.arguments import belongs_to_hydra
        from lossbook.config.options import Options, conf_folder
        from lossbook.sweeps.allowed import with_reasons
        from lossbook.sweeps.expanding import expanded
        from lossbook.sweeps.plan import Plan, named

        loader = self.context.config_loader
        sources = [Path(one.path).absolute() for one in loader.get_sources() if one.scheme() == "file" and one.path]
        others = [folder for folder in sources if folder != conf_folder()]
        folders = [conf_folder(), *others]
        varied, jobs = named(expanded(arguments, self.params, Options(folders), loader))
        if len(jobs) > _MANY:
            print(f"{len(jobs)} jobs are held against the contracts ...", flush=True)
        return Plan(
            command=self.command,
            arguments=(*arguments, *filter(belongs_to_hydra, self.command[1:])),
            folders=tuple(map(str, others)),
            cwd=str(Path.cwd()),
            varied=tuple(varied),
            jobs=tuple(with_reasons(jobs, folders)),
        )

    def _launch_here(self, task: Task, sweep: Path, jobs: Sequence[Job]) -> None:
        from lossbook.sweeps.crew import crew, employ

        waiting = deque(jobs)

        def give(worker: Worker) -> bool:
            try:
                job = waiting.popleft()
            except IndexError:
                return False
            task.run(worker, job.number)
            return True

        if jobs:
            employ(crew(task.script, min(self._workers, len(jobs))), give, task.sweep)

    def _launch_elsewhere(self, task: Task, sweep: Path, jobs: Sequence[Job]) -> None:
        """Gives the jobs to Hydra's launcher, which calls the task wherever it runs them."""
        from hydra.core.plugins import Plugins

        from lossbook.config.arguments import quoted
        from lossbook.sweeps.settling import settled

        if not jobs:
            return
        launcher = Plugins.instance().instantiate_launcher(
            hydra_context=self.context, task_function=task, config=self.whole
        )
        # a launcher counts its jobs from 0; ours have the numbers of the plan, which name their folders
        where = [f"hydra.sweep.dir={quoted(str(sweep.absolute()))}"]
        overrides = [[*where, f"hydra.sweep.subdir={job.number}", *job.overrides] for job in jobs]
        try:
            for result in launcher.launch(overrides, initial_job_idx=0):
                _ = result.return_value  # raises what went wrong around the job
        except Exception as error:
            if not settled(sweep, jobs, error):
                raise
