"""``hydra/sweeper=lossbook``: every combination of the values, as Hydra's own sweeper, but planned, kept and reported.

Hydra imports this file whenever it starts: what takes time is imported when it is needed.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.plugins.sweeper import Sweeper

if TYPE_CHECKING:
    from hydra.types import HydraContext, TaskFunction
    from omegaconf import DictConfig

    from lossbook.sweeping.plan import Job, Plan
    from lossbook.sweeping.task import Task


_MANY = 500  # jobs, whose plan takes seconds


class LossbookSweeper(Sweeper):
    """Plans a sweep, has its jobs run by Hydra's launcher or one after the other, and writes its report.

    Args:
        params: key -> values that are swept unless the command line says otherwise.
        timeout: seconds after which a job is killed; None: never.
        on_error: ``continue`` with the other jobs, or ``stop``.
        resume: folder of an earlier sweep that is gone on with; None: a new one.
        retry: whether jobs that failed are run again.
        command: the script and its arguments, as they were typed.
    """

    def __init__(
        self, params: Any, timeout: float | None, on_error: str, resume: str | None, retry: bool, command: Sequence[str]
    ) -> None:
        self.params = dict(params or {})
        self.timeout = timeout
        self.on_error = on_error
        self.resume = resume
        self.retry = retry
        self.command = tuple(command)

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.context = hydra_context
        self.hydra: Any = config.hydra
        self.whole = config

    def sweep(self, arguments: list[str]) -> None:
        from lossbook.sweeping import ledger, sweep, task
        from lossbook.sweeping.plan import Plan

        launcher = str(self.hydra.launcher._target_)
        parallel, joblib = not launcher.endswith(".BasicLauncher"), "joblib" in launcher
        # as many workers as processors, and each of them would take all of these
        threads = int(os.environ.get("OMP_NUM_THREADS", "1")) if joblib else None
        plan = self._planned(arguments) if self.resume is None else Plan.read(Path(self.resume))
        folder = Path(str(self.hydra.sweep.dir))  # claimed now, after the checks
        folder.mkdir(parents=True, exist_ok=True)
        if self.resume is None:
            ledger.begin(folder)
            plan.write(folder)
        job = task.Task(
            folder.absolute() if parallel else folder,
            self.command[0],
            self.timeout,
            self.on_error == "stop",
            self.retry,
            threads,
            parallel,
            child=joblib,
        )
        how = f"hydra/launcher={self.hydra.runtime.choices['hydra/launcher']}" if parallel else "one process"

        def launch(sweep: Path, jobs: Sequence[Job]) -> None:
            if parallel:
                self._launch(job, sweep, jobs)
                return
            try:
                for one in jobs:
                    job.run(one.number)
            finally:
                job.close()

        sweep.run(folder, plan, launch, self.retry, how)

    def _planned(self, arguments: Sequence[str]) -> Plan:
        """The plan of every combination."""
        from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
        from hydra.core.override_parser.overrides_parser import OverridesParser

        from lossbook.composing.arguments import belongs_to_hydra
        from lossbook.composing.options import conf_folder
        from lossbook.errors import refuse
        from lossbook.sweeping.allowed import with_reasons
        from lossbook.sweeping.plan import Plan, named

        self._refuse_unheeded()
        swept = [f"{key}={values}" for key, values in self.params.items()]
        parser = OverridesParser.create(config_loader=self.context.config_loader)
        overrides = parser.parse_overrides([*swept, *arguments])
        for one in overrides:
            if one.is_sweep_override() and not one.is_discrete_sweep():
                rule = "A sweep runs every combination, and an interval has no end of values."
                raise refuse(str(one.input_line), rule, "scripts/search.py, or give the values: 1,2,3")
        (expanded,) = BasicSweeper.split_arguments(overrides, None)
        varied, jobs = named(expanded)
        sources = [one for one in self.context.config_loader.get_sources() if one.scheme() == "file" and one.path]
        ours = conf_folder()
        others = [Path(one.path).absolute() for one in sources if Path(one.path).absolute() != ours]
        hydras = [one for one in self.command[1:] if belongs_to_hydra(one)]
        if len(jobs) > _MANY:
            print(f"{len(jobs)} jobs are held against the contracts ...", flush=True)
        return Plan(
            command=self.command,
            arguments=(*arguments, *hydras),
            folders=tuple(map(str, others)),
            cwd=str(Path.cwd()),
            varied=tuple(varied),
            jobs=tuple(with_reasons(jobs, [ours, *others])),
        )

    def _refuse_unheeded(self) -> None:
        """Hydra's own settings that would have no effect on jobs that train in a process of their own."""
        from lossbook.errors import refuse

        if self.hydra.searchpath:
            rule = "A sweep finds options in conf and in one folder beside it."
            raise refuse(f"hydra.searchpath={list(self.hydra.searchpath)}", rule, "--config-dir DIR")
        if self.hydra.job.env_set:
            rule = "The process that trains has started by then."
            raise refuse(
                f"hydra.job.env_set={dict(self.hydra.job.env_set)}", rule, "set it in the shell: NAME=VALUE python ..."
            )
        if any(one.startswith("hydra.sweep.subdir=") for one in self.command):
            raise refuse(
                "hydra.sweep.subdir", "The folder of a job is its number.", "hydra.sweep.dir=DIR names the sweep's"
            )

    def _launch(self, task: Task, sweep: Path, jobs: Sequence[Job]) -> None:
        """Gives the jobs to Hydra's launcher, which calls the task wherever it runs them."""
        from hydra.core.plugins import Plugins

        from lossbook.composing.arguments import quoted

        if not jobs:
            return
        launcher = Plugins.instance().instantiate_launcher(
            hydra_context=self.context, task_function=task, config=self.whole
        )
        # a launcher counts its jobs from 0; ours have the numbers of the plan, which name their folders
        where = [f"hydra.sweep.dir={quoted(str(sweep.absolute()))}"]
        overrides = [[*where, f"hydra.sweep.subdir={job.number}", *job.overrides] for job in jobs]
        for result in launcher.launch(overrides, initial_job_idx=0):
            _ = result.return_value  # raises what went wrong around the job
