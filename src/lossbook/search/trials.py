"""The trials of a search as plain values, whatever keeps them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lossbook.report.ranks import Standing, places
from lossbook.search.plan import Plan

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

STATUS = {"COMPLETE": "completed", "PRUNED": "pruned", "FAIL": "failed", "RUNNING": "running", "WAITING": "running"}


@dataclass(frozen=True)
class Trial:
    """One trial.

    Args:
        number: from 0, also the name of its folder.
        status: ``completed``, ``pruned``, ``failed``, ``running``, ``interrupted`` where it was begun and nobody trains
            it (told apart by ``trials_now`` alone), or ``refused`` where its values do not fit together and nothing was
            trained.
        values: what was drawn, by the parameters' names.
        figure: the primary metric of its best epoch; None where there is none.
        loss: ``val/loss`` of that epoch.
        curve: epoch (from 0) -> the best figure by then.
        epochs, seconds: how long it trained.
        threads: of torch, where the search chose them.
        message: of one that failed or was refused.
    """

    number: int
    status: str
    values: Mapping[str, Any]
    figure: float | None = None
    loss: float = math.inf
    curve: Mapping[int, float] = field(default_factory=dict)
    epochs: int | None = None
    seconds: float | None = None
    threads: int | None = None
    message: str = ""

    @property
    def counts(self) -> bool:
        """Whether it is one of those that were asked for."""
        return self.status != "refused"


def of_study(study: Study) -> list[Trial]:
    """All trials, in the order of their numbers."""
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
        figure=one.value if status == "completed" else record.get("figure"),
        loss=math.inf if loss is None else loss,
        curve=dict(sorted(one.intermediate_values.items())),
        epochs=record.get("epochs"),
        seconds=record.get("seconds"),
        threads=attributes.get("threads"),
        message=attributes.get("refused", record.get("message", "")),
    )


def ranked(trials: Sequence[Trial], plan: Plan) -> list[Trial]:
    """The completed trials, the best first, by the report's rule.

    Equal figures go to the lower ``val/loss`` where all of them have the same criterion, then to the earlier trial.
    """
    done = [trial for trial in trials if trial.status == "completed" and trial.figure is not None]
    return [done[at] for at, _ in places([_standing(trial, plan) for trial in done])]


def _standing(trial: Trial, plan: Plan) -> Standing:
    assert trial.figure is not None
    lower_is_better = -trial.figure if plan.primary[1] == "max" else trial.figure
    return Standing(lower_is_better, trial.loss, plan.criterion(trial.values), f"{trial.number:09}")
