from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from lossbook.search.plan import Plan
from lossbook.search.trials import Trial, ranked

Planned = Callable[..., Plan]

TRIALS = [
    Trial(0, "completed", {}, figure=0.9, loss=0.3),
    Trial(1, "pruned", {}, figure=1.0, loss=0.0),
    Trial(2, "completed", {}, figure=0.9, loss=0.2),
    Trial(3, "completed", {}, figure=0.8, loss=0.1),
    Trial(4, "failed", {}),
]


@pytest.mark.parametrize(
    ("arguments", "order"),
    [
        (["optim.lr=1,2"], [2, 0, 3]),
        (["optim.lr=1,2", "loss=mse", "data=diabetes", "loss.primary.value=mae"], [3, 2, 0]),
    ],
)
def test_equal_figures_go_by_the_loss(planned: Planned, arguments: list[str], order: list[int]) -> None:
    assert [trial.number for trial in ranked(TRIALS, planned(*arguments))] == order


def test_losses_of_different_criteria_decide_nothing(planned: Planned) -> None:
    plan = planned("loss=cross_entropy,mse", "data=digits", "optim.lr=1,2")
    kinds = [replace(trial, values={"loss": name}) for trial, name in zip(TRIALS, ["mse"] * 5, strict=True)]
    assert [trial.number for trial in ranked(kinds, plan)] == [2, 0, 3]
    kinds[2] = replace(kinds[2], values={"loss": "cross_entropy"})
    assert [trial.number for trial in ranked(kinds, plan)] == [0, 2, 3]


def test_figures_are_level_where_single_precision_tells_no_more(planned: Planned) -> None:
    trials = [Trial(0, "completed", {}, figure=0.90000001, loss=0.3), Trial(1, "completed", {}, figure=0.9, loss=0.2)]
    assert [trial.number for trial in ranked(trials, planned("optim.lr=1,2"))] == [1, 0]


def test_only_what_was_refused_does_not_count() -> None:
    assert [trial.counts for trial in (*TRIALS, Trial(5, "refused", {}))] == [True] * 5 + [False]
