"""How much each parameter of a search had to do with what came out."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lossbook.search.trials import Trial

if TYPE_CHECKING:
    from optuna import Study

_FEWEST = 20  # trials: a quarter of fewer is a handful, and the shares mostly chance
_BEST = 0.25


def importances(study: Study, best_first: Sequence[Trial]) -> list[tuple[str, float]]:
    """The parameters with their shares, which sum to 1, the largest first; none where little is known yet.

    PED-ANOVA (Watanabe, Bansal and Hutter 2023, arXiv:2304.10255): how differently a parameter is distributed among
    the best quarter of the trials. Those that were given up count behind all that completed.

    Args:
        study: of the search.
        best_first: its completed trials in their order, which also tells equal figures apart.
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
