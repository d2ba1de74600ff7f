"""Sampling what a search tries next: a function of its seed, the trial's number and the results before it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lossbook.search.plan import SearchPlan
from lossbook.search.space import Parameter

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.study import StudyDirection
    from optuna.trial import FrozenTrial

_ATTEMPTS = 60  # to sample an untried combination; the second half of them at random
_MANY = 10_000  # combinations


def candidates(plan: SearchPlan, trials: Sequence[FrozenTrial], direction: StudyDirection) -> Iterator[dict[str, Any]]:
    """Yield untried combinations of values by name, the most promising first; nothing if all were tried.

    Each is sampled in a new study in memory: the sampler carries no state from trial to trial, so that a search that
    was killed resumes as if it had not been, and two processes never sample the same. A trial that failed or was
    refused counts as pruned at once, from which the sampler learns to avoid it.

    Args:
        plan: of the search.
        trials: all so far.
        direction: of the study.
    """
    tried = {_frozen(trial.params) for trial in trials}
    for attempt in range(_ATTEMPTS):
        how = "random" if attempt >= _ATTEMPTS // 2 else plan.sampler
        seed = int(np.random.SeedSequence([plan.seed, len(trials), attempt]).generate_state(1)[0])
        values = _sample(plan.parameters, trials, direction, _sampler(how, seed, plan.parameters))
        if _frozen(values) not in tried:
            yield values
    # random attempts may miss the last few of finitely many combinations
    left = [values for values in _combinations(plan.parameters) if _frozen(values) not in tried]
    for place in np.random.default_rng([plan.seed, len(trials)]).permutation(len(left)):
        yield left[place]


def _combinations(parameters: Sequence[Parameter]) -> list[dict[str, Any]]:
    """Return all combinations of values; empty if there are infinitely or too many."""
    found: list[dict[str, Any]] = [{}]
    for one in parameters:
        options = one.every()
        if not options or len(found) * len(options) > _MANY:
            return []
        found = [
            {**values, one.name: option} if option is not None else values
            for values in found
            for option in (options if one.applies(values) else [None])
        ]
    return found


def distributions(parameters: Sequence[Parameter], values: dict[str, Any]) -> dict[str, BaseDistribution]:
    """Return Optuna's distributions of the parameters in these values."""
    return {one.name: _distribution(one) for one in parameters if one.name in values}


def _sample(
    parameters: Sequence[Parameter], trials: Sequence[FrozenTrial], direction: StudyDirection, sampler: BaseSampler
) -> dict[str, Any]:
    import optuna

    memory = optuna.create_study(direction=direction, sampler=sampler)
    memory.add_trials([_as_seen(trial) for trial in trials])
    trial = memory.ask()
    values: dict[str, Any] = {}
    for one in parameters:
        if one.applies(values):
            values[one.name] = _suggested(trial, one)
    return values


def _suggested(trial: Any, one: Parameter) -> Any:
    if one.choices:
        return trial.suggest_categorical(one.name, one.choices)
    suggest = trial.suggest_int if one.whole else trial.suggest_float
    number = suggest(one.name, one.low, one.high, log=one.log, step=_step(one))
    return one.rounded(number)


def _as_seen(trial: FrozenTrial) -> FrozenTrial:
    from optuna.trial import TrialState, create_trial

    if trial.state != TrialState.FAIL:
        return trial
    return create_trial(state=TrialState.PRUNED, params=trial.params, distributions=trial.distributions)


def _sampler(name: str, seed: int, parameters: Sequence[Parameter]) -> BaseSampler:
    import optuna

    if name == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    conditional = any(one.only is not None for one in parameters)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(seed=seed, group=conditional)


def _distribution(one: Parameter) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if one.choices:
        return CategoricalDistribution(one.choices)
    kind: Any = IntDistribution if one.whole else FloatDistribution
    return kind(one.low, one.high, log=one.log, step=_step(one))


def _step(one: Parameter) -> Any:
    return (one.step or 1) if one.whole else one.step


def _frozen(values: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(values.items()))
