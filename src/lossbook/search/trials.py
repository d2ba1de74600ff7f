"""The trials of a search as plain values, their ranking, and the importance of each parameter."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lossbook.report.ranks import Standing, places
from lossbook.search.plan import SearchPlan

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

_FEWEST = 20  # trials for importances: a quarter of fewer is a handful, and the shares mostly chance
_BEST = 0.25
STATUS = {"COMPLETE": "completed", "PRUNED": "pruned", "FAIL": "failed", "RUNNING": "running", "WAITING": "running"}


@dataclass(frozen=True)
class Trial:
    """One trial.

    Args:
        number: from 0; also the name of its folder.
        status: ``completed``, ``pruned``, ``failed``, ``running``, ``interrupted`` if it was started and no process
            trains it (only ``trials_now`` knows), or ``refused`` if its values do not fit together and nothing was
            trained.
        values: that were sampled, by the parameters' names.
        result: primary metric of its best epoch; None if there is none.
        loss: ``val/loss`` of that epoch.
        curve: epoch (from 0) -> best value so far.
        epochs, seconds: how long it trained.
        threads: of torch, if the search chose them.
        message: of one that failed or was refused.
    """

    number: int
    status: str
    values: Mapping[str, Any]
    result: float | None = None
    loss: float = math.inf
    curve: Mapping[int, float] = field(default_factory=dict)
    epochs: int | None = None
    seconds: float | None = None
    threads: int | None = None
    message: str = ""

    @property
    def counts(self) -> bool:
        """Whether it counts towards the requested number of trials."""
        return self.status != "refused"


def of_study(study: Study) -> list[Trial]:
    """Return all trials of a study, by number."""
    return [_of(one) for one in study.get_trials(deepcopy=False)]


def _of(one: FrozenTrial) -> Trial:
    attributes = one.user_attrs
    status = "refused" if "refused" in attributes else STATUS[one.state.name]
    record = attributes.get("record", {})
    loss = record.get("loss")
    return Trial(
        number=one.number,
        status=status,
        values=dict(one.params),
        result=one.value if status == "completed" else record.get("figure"),
        loss=math.inf if loss is None else loss,
        curve=dict(sorted(one.intermediate_values.items())),
        epochs=record.get("epochs"),
        seconds=record.get("seconds"),
        threads=attributes.get("threads"),
        message=attributes.get("refused", record.get("message", "")),
    )


def ranked(trials: Sequence[Trial], plan: SearchPlan) -> list[Trial]:
    """Return the completed trials, the best first, ranked as in reports.

    Ties go to the lower ``val/loss`` if all of them have the same criterion, then to the earlier trial.
    """
    done = [trial for trial in trials if trial.status == "completed" and trial.result is not None]
    return [done[at] for at, _ in places([_standing(trial, plan) for trial in done])]


def importances(study: Study, best_first: Sequence[Trial]) -> list[tuple[str, float]]:
    """Return the importance of each parameter, the largest first; they sum to 1. Empty with too few trials.

    PED-ANOVA (Watanabe, Bansal and Hutter 2023, arXiv:2304.10255): how differently a parameter is distributed among
    the best quarter of the trials. Pruned trials rank behind all completed ones.

    Args:
        study: of the search.
        best_first: its completed trials as ``ranked`` orders them.
    """
    import optuna

    places = {trial.number: place for place, trial in enumerate(best_first)}
    every = study.get_trials(deepcopy=False)
    judged = [one for one in every if one.number in places or one.state.name == "PRUNED"]
    if len(judged) < _FEWEST or not places:
        return []
    ranking = optuna.create_study()
    for one in judged:
        place = float(places.get(one.number, len(places)))
        ranking.add_trial(optuna.trial.create_trial(value=place, params=one.params, distributions=one.distributions))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=_BEST)
        found = optuna.importance.get_param_importances(ranking, evaluator=evaluator)
    return sorted(found.items(), key=lambda pair: -pair[1])


def _standing(trial: Trial, plan: SearchPlan) -> Standing:
    assert trial.result is not None
    lower_is_better = -trial.result if plan.primary[1] == "max" else trial.result
    return Standing(lower_is_better, trial.loss, plan.criterion(trial.values), f"{trial.number:09}")
