from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from typing import Any

import optuna
import pytest
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from lossbook.search.plan import SearchPlan
from lossbook.search.sampling import candidates, distributions

Planned = Callable[..., SearchPlan]


def trial(plan: SearchPlan, values: dict[str, Any], metric: float | None) -> FrozenTrial:
    state = TrialState.FAIL if metric is None else TrialState.COMPLETE
    return create_trial(state=state, value=metric, params=values, distributions=distributions(plan.parameters, values))


def search(plan: SearchPlan, count: int, objective: Callable[[dict[str, Any]], float | None]) -> list[FrozenTrial]:
    trials: list[FrozenTrial] = []
    for _ in range(count):
        values = next(candidates(plan, trials, StudyDirection.MAXIMIZE), None)
        if values is None:
            break
        trials.append(trial(plan, values, objective(values)))
    return trials


def params(trials: Sequence[FrozenTrial]) -> list[dict[str, Any]]:
    return [one.params for one in trials]


def test_what_comes_next_follows_from_what_was_before_and_nothing_else(planned: Planned) -> None:
    plan = planned("optim.lr=interval(1e-4,1e-1)", "data.batch_size=32,64")
    whole = search(plan, 16, lambda values: -abs(values["optim.lr"] - 0.01))
    again = search(plan, 14, lambda values: -abs(values["optim.lr"] - 0.01))
    assert params(whole)[:14] == params(again)
    assert (
        params(search(planned("optim.lr=interval(1e-4,1e-1)", "data.batch_size=32,64", seed=1), 3, lambda v: 0.0))[0]
        != params(whole)[0]
    )
    assert next(candidates(plan, again, StudyDirection.MAXIMIZE)) == params(whole)[14]


def test_the_sampler_finds_the_better_values(planned: Planned) -> None:
    plan = planned("optim.lr=interval(1e-4,1e-1)")
    trials = search(plan, 40, lambda values: -abs(values["optim.lr"] - 0.01))
    decades = [abs(math.log10(one["optim.lr"] / 0.01)) for one in params(trials)[20:]]
    assert statistics.median(decades) < 0.4  # at random: 0.75 of the three decades


def test_the_sampler_stays_away_from_what_fails(planned: Planned) -> None:
    plan = planned("optim.lr=interval(1e-4,1e-1)")
    trials = search(plan, 40, lambda values: None if values["optim.lr"] > 0.003 else -abs(values["optim.lr"] - 0.001))
    late = [one["optim.lr"] > 0.003 for one in params(trials)[20:]]
    assert sum(late) <= 5  # at random: half of them


def test_nothing_is_drawn_twice_and_a_small_space_ends(planned: Planned) -> None:
    plan = planned("optim=adam,sgd", "optim.momentum=0.8,0.9", "model.dropout=range(0,0.3,0.1)")
    trials = search(plan, 40, lambda values: 0.5)
    assert len(trials) == len({tuple(sorted(one.items())) for one in params(trials)}) == 3 + 2 * 3
    assert all(("optim.momentum" in one) == (one["optim"] == "sgd") for one in params(trials))


def test_the_random_sampler_does_not_look_back(planned: Planned) -> None:
    plan = planned("optim.lr=interval(1e-4,1e-1)", sampler="random")
    assert params(search(plan, 20, lambda values: 0.0)) == params(search(plan, 20, lambda values: values["optim.lr"]))


@pytest.mark.parametrize("argument", ["optim.lr=range(0.1,1,0.1)", "model.hidden=interval(8,9)", "optim.lr=0.1,0.2"])
def test_every_value_is_one_that_optuna_takes(planned: Planned, argument: str) -> None:
    plan, study = planned(argument), optuna.create_study()
    for one in search(plan, 12, lambda values: 0.0):
        study.add_trial(one)


@pytest.mark.parametrize("seed", range(4))
def test_what_is_finite_is_drawn_to_its_end(planned: Planned, seed: int) -> None:
    plan = planned("model.hidden=interval(1,40)", "optim.lr=0.1", seed=seed)
    found = search(plan, 60, lambda values: float(values["model.hidden"]))
    assert sorted(one.params["model.hidden"] for one in found) == list(range(1, 41))


def test_what_only_some_options_have_is_counted_once_for_the_others(planned: Planned) -> None:
    plan = planned("optim=adam,sgd", "optim.momentum=range(0.5,0.8,0.1)", "optim.nesterov=true,false")
    found = search(plan, 20, lambda values: 0.0)
    assert len(found) == 1 + 3 * 2
    assert {one.params["optim.momentum"] for one in found if one.params["optim"] == "sgd"} == {0.5, 0.6, 0.7}
