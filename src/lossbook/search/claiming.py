"""Who trains which trial: taken one at a time, given back if its process ends, and settled by what it left behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from lossbook.config.options import conf_folder
from lossbook.errors import UserError, refuse
from lossbook.search import storage
from lossbook.search.drawing import distributions, draws
from lossbook.search.fitting import problem_with
from lossbook.search.plan import Plan
from lossbook.search.trials import Trial, of_study
from lossbook.sweeps.ledger import Ending, figures, lock

if TYPE_CHECKING:
    from optuna import Study

_GLANCE_S = 0.1  # for another process that only looks whether anybody has a trial
_REFUSED_IN_A_ROW = 100
_ALIKE_IN_A_ROW = 20  # for one and the same reason


@dataclass(frozen=True)
class Claim:
    """A trial that this process is to train.

    Args:
        number: of the trial.
        values: that were drawn, by name.
        again: whether another process began it.
        held: the lock that says so to others; the operating system takes it back from a process that is killed.
    """

    number: int
    values: Mapping[str, Any]
    again: bool
    held: FileLock


def claim(study: Study, plan: Plan, folder: Path, threads: int | None) -> Claim | None:
    """The next trial: one that a killed process has left behind, else one that is drawn; None where all are taken.

    Args:
        study: of the search.
        plan: of the search.
        folder: of the search.
        threads: of torch, which the trial will be trained with; noted down.

    Raises:
        UserError: what is drawn does not fit together, again and again.
    """
    with storage.alone(folder):
        trials = study.get_trials(deepcopy=False)
        for trial in trials:
            if trial.state.name == "RUNNING" and (held := _take(folder, trial.number)) is not None:
                if study.get_trials(deepcopy=False)[trial.number].state.name == "RUNNING":
                    return Claim(trial.number, trial.params, True, held)
                held.release()  # it was settled just now
        rules: list[str] = []
        while sum(one.counts for one in of_study(study)) < storage.total(study):
            values = next(draws(plan, trials, study.direction), None)
            if values is None:
                return None  # every combination has been tried
            problem = problem_with(plan.overrides(values), _folders(plan))
            if problem is None:
                held = lock(folder / f"trial-{len(trials)}")
                held.acquire()  # before others may see it: nobody is to think that it was left behind
                _add(study, plan, values, problem, threads)
                return Claim(len(trials), values, False, held)
            _add(study, plan, values, problem, threads)
            rules.append(problem.problems[0].rule)
            alike = len(set(rules)) == 1 and any(not one.every() for one in plan.parameters)  # without end
            if len(rules) == (_ALIKE_IN_A_ROW if alike else _REFUSED_IN_A_ROW):
                last = problem.problems[0]
                given = f"{len(rules)} trials in a row do not fit together, the last one with {last.given}"
                raise refuse(given, last.rule, last.fix or "search less, or otherwise")
            trials = study.get_trials(deepcopy=False)
        return None


def settle(study: Study, folder: Path, claimed: Claim, ending: Ending, primary: str) -> Trial | None:
    """Write down how a trial ended; None where it is to be gone on with: it was interrupted.

    Args:
        study: of the search.
        folder: of the search.
        claimed: the trial.
        ending: as the worker gives it.
        primary: tag of the metric that is looked for.
    """
    from optuna.trial import TrialState

    try:
        if ending.status not in ("completed", "pruned", "failed"):
            return None
        found = figures(folder / str(claimed.number)) or {}
        metrics = found.get("metrics") or {}
        figure, state, message = metrics.get(primary), TrialState.FAIL, ending.message
        mode = "max" if study.direction.name == "MAXIMIZE" else "min"
        if ending.status == "pruned":
            state = TrialState.PRUNED
        elif found.get("mode", mode) != mode:
            message = f"The run took the {found['mode']} of {primary} for its best, the search looks for the {mode}."
        elif ending.status == "completed" and figure is not None:
            state = TrialState.COMPLETE
        elif ending.status == "completed":
            message = f"The run completed without a value of {primary}."
        if state is not TrialState.FAIL and not _same_data(study, found):
            state, message = TrialState.FAIL, "The data was changed since the search began: the trial does not compare."
        record = {
            "figure": figure,
            "loss": metrics.get("val/loss"),
            "epochs": found.get("epochs"),
            "seconds": found.get("wall_time_s"),
            "message": message,
        }
        kept = storage.storage(storage.url(folder))
        kept.set_trial_user_attr(storage.identity(kept, claimed.number), "record", record)
        study.tell(claimed.number, figure if state is TrialState.COMPLETE else None, state=state)
        return of_study(study)[claimed.number]
    finally:
        claimed.held.release()


def _same_data(study: Study, record: Mapping[str, Any]) -> bool:
    """Whether a trial's data held what that of the search's first one did, as far as they say."""
    data = record.get("data")
    mark = data.get("fingerprint") if isinstance(data, Mapping) else None
    first = study.user_attrs.get("fingerprint")
    if mark is not None and first is None:
        study.set_user_attr("fingerprint", mark)
    return None in (mark, first) or mark == first


def trials_now(study: Study, folder: Path) -> list[Trial]:
    """All trials as they stand, in the order of their numbers; ``interrupted`` is what was begun and nobody trains."""
    trials = of_study(study)
    for trial in trials:
        if trial.status == "running" and (held := _take(folder, trial.number)) is not None:
            now = of_study(study)[trial.number]  # while nobody can change it: it may have been settled just now
            held.release()
            trials[trial.number] = replace(now, status="interrupted") if now.status == "running" else now
    return trials


def _add(study: Study, plan: Plan, values: dict[str, Any], problem: UserError | None, threads: int | None) -> None:
    """Writes a trial down in one step, so that a kill leaves all of it or nothing."""
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


def _folders(plan: Plan) -> Sequence[Path]:
    return [conf_folder(), *map(Path, plan.folders)]
