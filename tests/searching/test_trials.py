from __future__ import annotations

import pytest

from lossbook.searching.trials import Trial, ranked

TRIALS = [
    Trial(0, "completed", {}, figure=0.9, loss=0.3),
    Trial(1, "pruned", {}, figure=1.0, loss=0.0),
    Trial(2, "completed", {}, figure=0.9, loss=0.2),
    Trial(3, "completed", {}, figure=0.8, loss=0.1),
    Trial(4, "failed", {}),
]


@pytest.mark.parametrize(
    ("mode", "by_loss", "order"), [("max", True, [2, 0, 3]), ("max", False, [0, 2, 3]), ("min", True, [3, 2, 0])]
)
def test_completed_trials_are_ranked_and_equals_go_by_the_loss_or_by_age(
    mode: str, by_loss: bool, order: list[int]
) -> None:
    assert [trial.number for trial in ranked(TRIALS, mode, by_loss)] == order


def test_only_what_was_refused_does_not_count() -> None:
    assert [trial.counts for trial in (*TRIALS, Trial(5, "refused", {}))] == [True] * 5 + [False]
