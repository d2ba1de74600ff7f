"""Which jobs of a sweep fit together, found before any of them starts and without torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lossbook.config.check import check
from lossbook.config.compose import composed
from lossbook.config.hydra_internals import reader
from lossbook.config.options import Options, conf_folder
from lossbook.config.resolve import plain
from lossbook.errors import Problem, UserError
from lossbook.sweeps.plan import Job, Plan, refused


def with_reasons(jobs: Sequence[Job], folders: Sequence[Path]) -> list[Job]:
    """The jobs, those whose choices do not fit together marked with the reason.

    An argument that Hydra or the rule of types refuses wherever it stands is a mistake; one that another job can do
    with (``optim.momentum=0.9`` among several optimizers) is a matter of what it meets there.

    Args:
        jobs: of the sweep.
        folders: of options, our ``conf`` first.

    Raises:
        UserError: a mistake, or no job is left.
    """
    options = Options(folders)
    composes = reader(folders)
    marked: list[Job] = []
    mistaken: list[tuple[Job, UserError]] = []
    fine: set[str] = set()  # arguments of jobs that could be composed
    for job in jobs:
        try:
            config = composed(job.overrides, folders, composes)
        except UserError as error:
            mistaken.append((job, error))
            marked.append(refused(job, str(error)))
            continue
        fine.update(job.overrides)
        job = replace(job, data=str(config.choices.data))
        try:
            check(plain(config), options)
        except UserError as error:
            job = refused(job, str(error))
        marked.append(job)
    for job, mistake in mistaken:
        about = [one for one in job.overrides if any(problem.given.startswith(one) for problem in mistake.problems)]
        if not about or not fine.issuperset(about):
            raise mistake
    if all(job.refused for job in marked):
        reasons = dict.fromkeys(str(job.refused) for job in marked)
        raise _none_left(marked, list(reasons))
    return marked


def configs(plan: Plan) -> list[dict[str, Any] | None]:
    """What each job of a plan composes to, as it stands in the options; None of those that do not."""
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


def _none_left(jobs: Sequence[Job], reasons: Sequence[str]) -> UserError:
    """The reasons themselves where they are few, else a count and the first of them."""
    if len(jobs) == 1 or len(reasons) == 1:
        given, rule, fix = (*reasons[0].splitlines(), "", "")[:3]
        return UserError(Problem(given, rule.strip(), fix.strip().removeprefix("Fix: ")))
    first = " ".join(line.strip() for line in reasons[0].splitlines())
    fix = "leave out or change what the reason names"
    return UserError(Problem(f"None of these {len(jobs)} jobs fits together.", f"The first: {first}", fix))
