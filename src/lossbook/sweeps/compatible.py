"""Which jobs of a sweep the contracts refuse, determined before any of them starts and without torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lossbook.config.check import check
from lossbook.config.composed import composed
from lossbook.config.hydra_internals import reader
from lossbook.config.options import Options, conf_folder
from lossbook.config.resolve import plain
from lossbook.errors import Problem, UserError
from lossbook.records.sweep import SweepJob, SweepPlan


def with_refusals(jobs: Sequence[SweepJob], folders: Sequence[Path]) -> list[SweepJob]:
    """Return the jobs, with the reason in those whose choices do not fit together.

    An argument that cannot be composed in any job is a mistake; one that some job accepts (``optim.momentum=0.9`` among
    several optimizers) only refuses the others.

    Args:
        jobs: of the sweep.
        folders: of options, Lossbook's ``conf`` first.

    Raises:
        UserError: an argument is a mistake, or no job is left.
    """
    options = Options(folders)
    composes = reader(folders)
    marked: list[SweepJob] = []
    mistaken: list[tuple[SweepJob, UserError]] = []
    fine: set[str] = set()  # arguments of jobs that compose
    for job in jobs:
        try:
            config = composed(job.overrides, folders, composes)
        except UserError as error:
            mistaken.append((job, error))
            marked.append(replace(job, refused=str(error)))
            continue
        fine.update(job.overrides)
        job = replace(job, data=str(config.choices.data))
        try:
            check(plain(config), options)
        except UserError as error:
            job = replace(job, refused=str(error))
        marked.append(job)
    for job, mistake in mistaken:
        about = [one for one in job.overrides if any(problem.given.startswith(one) for problem in mistake.problems)]
        if not about or not fine.issuperset(about):
            raise mistake
    if all(job.refused for job in marked):
        reasons = dict.fromkeys(str(job.refused) for job in marked)
        raise _none_left(marked, list(reasons))
    return marked


def composed_configs(plan: SweepPlan) -> list[dict[str, Any] | None]:
    """Return the config of each job of a plan, unresolved; None for those that do not compose."""
    from omegaconf import OmegaConf

    folders = [conf_folder(), *map(Path, plan.folders)]
    composes = reader(folders)
    found: list[dict[str, Any] | None] = []
    for job in plan.jobs:
        try:
            found.append(OmegaConf.to_container(composed(job.overrides, folders, composes)))  # type: ignore[arg-type]
        except UserError:
            found.append(None)
    return found


def _none_left(jobs: Sequence[SweepJob], reasons: Sequence[str]) -> UserError:
    """Return the reason if there is only one, else the number of jobs and the first reason."""
    if len(jobs) == 1 or len(reasons) == 1:
        given, rule, fix = (*reasons[0].splitlines(), "", "")[:3]
        return UserError(Problem(given, rule.strip(), fix.strip().removeprefix("Fix: ")))
    first = " ".join(line.strip() for line in reasons[0].splitlines())
    fix = "remove or change what the reason names"
    return UserError(Problem(f"None of these {len(jobs)} jobs fits together.", f"The first: {first}", fix))
