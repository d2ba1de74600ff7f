from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState, create_trial

from lossbook.search import storage
from lossbook.search.plan import SearchPlan
from lossbook.search.trials import Trial, importances, of_study, ranked

Planned = Callable[..., SearchPlan]

TRIALS = [
    Trial(0, "completed", {}, result=0.9, loss=0.3),
    Trial(1, "pruned", {}, result=1.0, loss=0.0),
    Trial(2, "completed", {}, result=0.9, loss=0.2),
    Trial(3, "completed", {}, result=0.8, loss=0.1),
    Trial(4, "failed", {}),
]


@pytest.mark.parametrize(
    ("arguments", "order"),
    [
        (["optim.lr=1,2"], [2, 0, 3]),
        (["optim.lr=1,2", "loss=mse", "data=diabetes", "loss.primary.value=mae"], [3, 2, 0]),
    ],
)
def test_equal_metrics_go_by_the_loss(planned: Planned, arguments: list[str], order: list[int]) -> None:
    assert [trial.number for trial in ranked(TRIALS, planned(*arguments))] == order


def test_losses_of_different_criteria_decide_nothing(planned: Planned) -> None:
    plan = planned("loss=cross_entropy,mse", "data=digits", "optim.lr=1,2")
    kinds = [replace(trial, values={"loss": name}) for trial, name in zip(TRIALS, ["mse"] * 5, strict=True)]
    assert [trial.number for trial in ranked(kinds, plan)] == [2, 0, 3]
    kinds[2] = replace(kinds[2], values={"loss": "cross_entropy"})
    assert [trial.number for trial in ranked(kinds, plan)] == [0, 2, 3]


def test_metrics_are_level_where_single_precision_tells_no_more(planned: Planned) -> None:
    trials = [Trial(0, "completed", {}, result=0.90000001, loss=0.3), Trial(1, "completed", {}, result=0.9, loss=0.2)]
    assert [trial.number for trial in ranked(trials, planned("optim.lr=1,2"))] == [1, 0]


def test_only_what_was_refused_does_not_count() -> None:
    assert [trial.counts for trial in (*TRIALS, Trial(5, "refused", {}))] == [True] * 5 + [False]


def test_what_decides_has_the_larger_share(tmp_path: Path, planned: Callable[..., SearchPlan]) -> None:
    study = storage.create(tmp_path, "max", 40)
    unit = FloatDistribution(0, 1)
    for number in range(40):
        values = {"decides": (number * 0.618) % 1, "idle": (number * 0.414) % 1}
        state = TrialState.PRUNED if abs(values["decides"] - 0.5) > 0.3 else TrialState.COMPLETE
        study.add_trial(create_trial(state=state, value=1.0, params=values, distributions=dict.fromkeys(values, unit),
                                     user_attrs={"record": {"loss": abs(values["decides"] - 0.5)}}))  # fmt: skip
    best_first = ranked(of_study(study), planned("optim.lr=1,2"))
    (first, share), _ = importances(study, best_first)
    assert first == "decides"
    assert share > 0.6
    assert importances(study, best_first[:2]) == []
