from __future__ import annotations

from collections.abc import Callable

from lossbook.config.options import conf_folder
from lossbook.search.combinations import problem_with
from lossbook.search.plan import SearchPlan

Planned = Callable[..., SearchPlan]


def test_choices_that_fit_nothing_are_left_out_with_the_reason(planned: Planned) -> None:
    plan = planned("optim=adam,lbfgs,sparse_adam", "optim.lr=1e-3,1e-2", "data=digits", "model=cnn")
    assert "adam" in plan.parameters[0].choices
    assert "sparse_adam" not in plan.parameters[0].choices
    assert dict(plan.refused)["optim=sparse_adam"]


def test_a_trial_is_held_against_the_contracts() -> None:
    assert problem_with(["optim.lr=0.1"], [conf_folder()]) is None
    assert problem_with(["loss.activation=softmax"], [conf_folder()]) is not None
