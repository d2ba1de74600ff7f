from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from optuna.distributions import FloatDistribution
from optuna.trial import TrialState, create_trial

from lossbook.search import storage
from lossbook.search.importance import importances
from lossbook.search.plan import Plan
from lossbook.search.trials import of_study, ranked


def test_what_decides_has_the_larger_share(tmp_path: Path, planned: Callable[..., Plan]) -> None:
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
