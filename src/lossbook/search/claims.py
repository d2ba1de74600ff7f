"""Claims on trials: a process claims one at a time, its lock is freed if it dies, and the outcome settles it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from lossbook.config.options import conf_folder
from lossbook.errors import UserError, refuse
from lossbook.records.run import read_metrics
from lossbook.search import storage
from lossbook.search.combinations import problem_with
from lossbook.search.plan import SearchPlan
from lossbook.search.sampling import candidates, distributions
from lossbook.search.trials import Trial, of_study
from lossbook.sweeps.job_state import JobState
from lossbook.sweeps.locks import lock

if TYPE_CHECKING:
    from optuna import Study

_GLANCE_S = 0.1  # for another process that is only checking whether a trial is claimed
_REFUSED_IN_A_ROW = 100
_ALIKE_IN_A_ROW = 20  # for the same reason


@dataclass(frozen=True)
class Claim:
    """A trial that this process trains.

    Args:
        number: of the trial.
        values: that were sampled, by name.
        again: whether another process started it.
        held: the lock that shows the claim to others; the operating system frees it if the process is killed.
    """

    number: int
    values: Mapping[str, Any]
    again: bool
    held: FileLock


def claim(study: Study, plan: SearchPlan, folder: Path, threads: int | None) -> Claim | None:
    """Claim the next trial: one that a killed process left behind, else a new sample; None if none is left.

    Args:
        study: of the search.
        plan: of the search.
        folder: of the search.
        threads: of torch in the process that will train it; recorded.

    Raises:
        UserError: sample after sample does not fit together.
    """
    with storage.alone(folder):
        trials = study.get_trials(deepcopy=False)
        for trial in trials:
            if trial.state.name == "RUNNING" and (held := _take(folder, trial.number)) is not None:
                if study.get_trials(deepcopy=False)[trial.number].state.name == "RUNNING":
                    return Claim(trial.number, trial.params, True, held)
                held.release()  # it has just been settled
        rules: list[str] = []
        while sum(one.counts for one in of_study(study)) < storage.total(study):
            values = next(candidates(plan, trials, study.direction), None)
            if values is None:
                return None  # every combination has been tried
            problem = problem_with(plan.overrides(values), _folders(plan))
            if problem is None:
                held = lock(folder / f"trial-{len(trials)}")
                held.acquire()  # before others see it, or they would take it for left behind
                _add(study, plan, values, problem, threads)
                return Claim(len(trials), values, False, held)
            _add(study, plan, values, problem, threads)
            rules.append(problem.problems[0].rule)
            alike = len(set(rules)) == 1 and any(
                not one.every() for one in plan.parameters
            )  # infinitely many combinations
            if len(rules) == (_ALIKE_IN_A_ROW if alike else _REFUSED_IN_A_ROW):
                last = problem.problems[0]
                given = f"{len(rules)} samples in a row do not fit together, the last one with {last.given}"
                raise refuse(given, last.rule, last.fix or "search fewer values, or others")
            trials = study.get_trials(deepcopy=False)
        return None


def settle(study: Study, folder: Path, claimed: Claim, state: JobState, primary: str) -> Trial | None:
    """Record how a trial ended, and return it; None if it was interrupted and is to be resumed.

    Args:
        study: of the search.
        folder: of the search.
        claimed: the trial.
        state: as the worker returns it.
        primary: tag of the metric to optimize.
    """
    from optuna.trial import TrialState

    try:
        if state.status not in ("completed", "pruned", "failed"):
            return None
        found = read_metrics(folder / str(claimed.number)) or {}
        metrics = found.get("metrics") or {}
        result, outcome, message = metrics.get(primary), TrialState.FAIL, state.message
        mode = "max" if study.direction.name == "MAXIMIZE" else "min"
        if state.status == "pruned":
            outcome = TrialState.PRUNED
        elif found.get("mode", mode) != mode:
            message = f"The run watched the {found['mode']} of {primary}, the search looks for the {mode}."
        elif state.status == "completed" and result is not None:
            outcome = TrialState.COMPLETE
        elif state.status == "completed":
            message = f"The run completed without a value of {primary}."
        if outcome is not TrialState.FAIL and not _same_data(study, found):
            outcome = TrialState.FAIL
            message = "The data has changed since the search was started: the trial is not comparable."
        record = {
            "figure": result,
            "loss": metrics.get("val/loss"),
            "epochs": found.get("epochs"),
            "seconds": found.get("wall_time_s"),
            "message": message,
        }
        kept = storage.storage(storage.url(folder))
        kept.set_trial_user_attr(storage.identity(kept, claimed.number), "record", record)
        study.tell(claimed.number, result if outcome is TrialState.COMPLETE else None, state=outcome)
        return of_study(study)[claimed.number]
    finally:
        claimed.held.release()


def _same_data(study: Study, record: Mapping[str, Any]) -> bool:
    """Return whether a trial's data has the fingerprint of the first trial's, if both have one."""
    data = record.get("data")
    mark = data.get("fingerprint") if isinstance(data, Mapping) else None
    first = study.user_attrs.get("fingerprint")
    if mark is not None and first is None:
        study.set_user_attr("fingerprint", mark)
    return None in (mark, first) or mark == first


def trials_now(study: Study, folder: Path) -> list[Trial]:
    """Return all trials by number, as ``interrupted`` those that were started and that no process trains."""
    trials = of_study(study)
    for trial in trials:
        if trial.status == "running" and (held := _take(folder, trial.number)) is not None:
            now = of_study(study)[
                trial.number
            ]  # now that no other process can change it: it may just have been settled
            held.release()
            trials[trial.number] = replace(now, status="interrupted") if now.status == "running" else now
    return trials


def _add(
    study: Study, plan: SearchPlan, values: dict[str, Any], problem: UserError | None, threads: int | None
) -> None:
    """Add a trial to the study in one step, so that a kill leaves all of it or nothing."""
    from optuna.trial import TrialState, create_trial

    noted = {"refused": str(problem)} if problem else {"threads": threads} if threads else {}
    trial = create_trial(
        state=TrialState.FAIL if problem else TrialState.RUNNING,
        params=values,
        distributions=distributions(plan.parameters, values),
        user_attrs=noted,
    )
    study.add_trial(trial)


def _take(folder: Path, number: int) -> FileLock | None:
    held = lock(folder / f"trial-{number}")
    try:
        held.acquire(timeout=_GLANCE_S)
    except Timeout:
        return None
    return held


def _folders(plan: SearchPlan) -> Sequence[Path]:
    return [conf_folder(), *map(Path, plan.folders)]
