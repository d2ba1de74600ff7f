"""``hydra/sweeper=lossbook``: every combination of the values, as Hydra's own sweeper, but planned, kept and reported.

Hydra imports this file whenever it starts: what takes time is imported when it is needed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.plugins.sweeper import Sweeper

if TYPE_CHECKING:
    from hydra.types import HydraContext, TaskFunction
    from omegaconf import DictConfig

    from lossbook.sweeping.crew import Stop
    from lossbook.sweeping.plan import Job, Plan
    from lossbook.sweeping.supervise import Worker
    from lossbook.sweeping.task import Task


_MANY = 500  # jobs, whose plan takes seconds
_FOLDERS = "The folder of a job is its number, within the sweep's."
_STARTED = "The process that trains has started by then."
_UNHEEDED = {  # key -> why it has no effect, and what has
    "hydra.sweep.subdir": (_FOLDERS, "hydra.sweep.dir=DIR names the sweep's"),
    "hydra.run.dir": (_FOLDERS, "hydra.sweep.dir=DIR names the sweep's"),
    "hydra.output_subdir": ("A run writes its config into its own folder.", "leave it out"),
    "hydra.job.chdir": ("A job runs where the sweep was started.", "cd DIR, before it starts"),
    "hydra.job.env_set": (_STARTED, "set it in the shell: NAME=VALUE python ..."),
    "hydra.job.env_copy": (_STARTED, "leave it out: it has the environment of the sweep"),
}


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
        from lossbook.composing.arguments import belongs_to_hydra
        from lossbook.sweeping import ledger, sweep, task
        from lossbook.sweeping.plan import Plan

        self._refuse_unheeded()
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
                    plan = Plan.read(folder).grown(self._planned(arguments))
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
        from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
        from hydra.core.override_parser.overrides_parser import OverridesParser

        from lossbook.composing.arguments import belongs_to_hydra
        from lossbook.composing.options import Options, conf_folder
        from lossbook.composing.sweep_keys import brings_a_sweep
        from lossbook.errors import refuse
        from lossbook.sweeping.allowed import with_reasons
        from lossbook.sweeping.plan import Plan, named

        parser = OverridesParser.create(config_loader=self.context.config_loader)
        typed = parser.parse_overrides(list(arguments))
        spelled = {one.get_key_element().lstrip("+"): one.get_key_element() for one in typed}
        for one in typed:
            if one.get_key_element() != spelled[key := one.get_key_element().lstrip("+")]:
                raise refuse(str(one.input_line), f"{key} is given in two ways.", "leave one of them out")
        recipe = [f"{key}={values}" for key, values in self.params.items() if key not in spelled]
        overrides = [*parser.parse_overrides(recipe), *typed]
        for one in overrides:
            _check_values(one, BasicSweeper.split_arguments)
        (expanded,) = BasicSweeper.split_arguments(overrides, None)
        varied, jobs = named(expanded)
        sources = [one for one in self.context.config_loader.get_sources() if one.scheme() == "file" and one.path]
        ours = conf_folder()
        others = [Path(one.path).absolute() for one in sources if Path(one.path).absolute() != ours]
        folders = [ours, *others]
        for job in jobs if "experiment" in varied else ():
            if brings_a_sweep(job.overrides, Options(folders)):
                rule = "Its own values would be left out: a recipe that is a sweep is run by itself."
                raise refuse(job.name, rule, "one experiment at a time")
        hydras = [one for one in self.command[1:] if belongs_to_hydra(one)]
        if len(jobs) > _MANY:
            print(f"{len(jobs)} jobs are held against the contracts ...", flush=True)
        return Plan(
            command=self.command,
            arguments=(*arguments, *hydras),
            folders=tuple(map(str, others)),
            cwd=str(Path.cwd()),
            varied=tuple(varied),
            jobs=tuple(with_reasons(jobs, folders)),
        )

    def _refuse_unheeded(self) -> None:
        """Settings of Hydra's that would have no effect on jobs that train in processes of their own."""
        from lossbook.errors import refuse

        if self.on_error not in ("continue", "stop"):
            raise refuse(f"hydra.sweeper.on_error={self.on_error}", "It is continue or stop.", "sweep.on_error=stop")
        if self.hydra.searchpath:
            rule = "A sweep finds options in conf and in one folder beside it."
            raise refuse(f"hydra.searchpath={list(self.hydra.searchpath)}", rule, "--config-dir DIR")
        for typed in self.command[1:]:
            for key, (rule, fix) in _UNHEEDED.items():
                if typed.lstrip("+").startswith((f"{key}=", f"{key}.")):
                    raise refuse(typed, rule, fix)
        if "joblib" in str(self.hydra.launcher._target_):
            from hydra_plugins.hydra_joblib_launcher.config import JobLibLauncherConf

            for key, default in vars(JobLibLauncherConf()).items():
                if key not in ("_target_", "n_jobs") and self.hydra.launcher[key] != default:
                    rule = "A sweep starts and watches its processes itself: of joblib's settings n_jobs counts."
                    fix = "sweep.timeout=SECONDS" if key == "timeout" else "leave it out"
                    raise refuse(f"hydra.launcher.{key}={self.hydra.launcher[key]}", rule, fix)

    def _launch_here(self, task: Task, sweep: Path, jobs: Sequence[Job]) -> None:
        from lossbook.sweeping.crew import crew, employ

        waiting = deque(jobs)

        def give(worker: Worker, stop: Stop) -> bool:
            with suppress(IndexError):
                task.run(worker, waiting.popleft().number)
                return True
            return False

        if jobs:
            employ(crew(task.script, min(self._workers, len(jobs))), give, task.sweep)

    def _launch_elsewhere(self, task: Task, sweep: Path, jobs: Sequence[Job]) -> None:
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


def _check_values(override: Any, split: Any) -> None:
    """Refuse values that are without end, or none at all."""
    from lossbook.errors import refuse

    if not override.is_sweep_override():
        return
    if not override.is_discrete_sweep():
        rule = "A sweep runs every combination, and an interval has no end of values."
        raise refuse(str(override.input_line), rule, "scripts/search.py, or give the values: 1,2,3")
    if not split([override], None)[0]:
        key = override.get_key_element()
        raise refuse(str(override.input_line), "There is no such option or value.", f"{key}=glob(*) has all options")
