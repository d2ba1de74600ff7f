"""Parts of samples that are new to a checkpoint."""

from __future__ import annotations

import numpy as np
import pytest

from lossbook.data.assignment import given_parts, parts_to_evaluate, parts_to_resume
from lossbook.data.fitted import KnownSamples
from lossbook.data.new_samples import beyond_fold, parts_of_new
from lossbook.data.planned_parts import planned_parts
from lossbook.data.source import PARTS
from lossbook.data.split import SplitPlan

EVERY = np.arange(100, dtype=np.uint64)
NONE = np.zeros(100, int)


def test_a_new_sample_goes_where_its_group_is() -> None:
    groups = np.arange(100) % 10
    known = planned_parts(SplitPlan(groups=groups[:60]), NONE[:60], 0)
    added = parts_of_new(SplitPlan(groups=groups), known, np.arange(60, 100), NONE, 0)
    for name in PARTS:
        assert set(groups[added[name]]) == set(groups[known[name]])


def test_new_groups_are_divided_as_planned() -> None:
    groups = np.arange(100) // 2
    known = planned_parts(SplitPlan(groups=groups[:20]), NONE[:20], 0)
    added = parts_of_new(SplitPlan(groups=groups), known, np.arange(20, 100), NONE, 0)
    assert [len(added[name]) for name in PARTS] == [56, 12, 12]


def test_new_times_go_into_the_span_that_they_fall_in() -> None:
    times = np.array([*range(0, 200, 2), 1, 139, 141, 171, 500])
    plan = SplitPlan(times=times)
    known = planned_parts(plan.of(np.arange(100)), NONE, 0)  # train up to 138, val to 168
    added = parts_of_new(plan, known, np.arange(100, 105), np.zeros(105), 0)
    assert [times[added[name]].tolist() for name in PARTS] == [[1], [139, 141], [171, 500]]


@pytest.mark.parametrize("fold", [0, 1, 2])
def test_a_fold_in_time_is_resumed_and_tested_as_it_was(fold: int) -> None:
    plan = SplitPlan(times=np.arange(100), folds=3, fold=fold)
    rows = planned_parts(plan, NONE, 0)
    order = np.sort(np.concatenate(list(rows.values())))
    known = KnownSamples(EVERY[order], rows)  # the first ones: places are positions
    found = parts_to_resume(known, EVERY, NONE, 0, plan)
    assert {name: places.tolist() for name, places in found.rows.items()} == {p: r.tolist() for p, r in rows.items()}
    assert found.notes == ()
    assert sorted(parts_to_evaluate(known, EVERY, plan).rows["test"]) == sorted(rows["test"])


def test_what_comes_after_the_last_fold_is_new() -> None:
    plan = SplitPlan(times=np.arange(10), folds=3, fold=2)
    assert not beyond_fold(plan, {"test": np.array([6, 7])}, np.array([8, 9])).any()
    earlier = SplitPlan(times=np.arange(10), folds=3, fold=1)
    assert beyond_fold(earlier, {"test": np.array([4, 5])}, np.array([3, 8])).tolist() == [False, True]


@pytest.mark.parametrize("fold", [0, 3])
def test_new_samples_beside_folds_are_divided_as_the_fold_was(fold: int) -> None:
    plan = SplitPlan(folds=4, fold=fold)
    known = planned_parts(plan, NONE[:20], 0)
    added = parts_of_new(plan, known, np.arange(20, 100), NONE, 0)
    assert [len(added[name]) for name in PARTS] == [49, 11, 20]


def test_a_network_is_not_tested_on_groups_that_it_was_trained_on() -> None:
    groups = np.arange(100) % 10
    plan = SplitPlan(groups=groups)
    rows = planned_parts(plan.of(np.arange(60)), NONE[:60], 0)
    found = parts_to_evaluate(KnownSamples(EVERY[:60], rows), EVERY, plan)
    assert set(groups[found.rows["test"]]) == set(groups[rows["test"]])
    assert "or that belong to these" in found.notes[0]


def test_a_group_in_two_given_parts_is_said() -> None:
    parts = {"train": np.arange(70), "test": np.arange(70, 100)}
    found = given_parts(parts, NONE, 0, SplitPlan(groups=np.arange(100) // 20))
    assert found.notes == ("groups in more than one of the given parts: 3 (train, test)",)
    assert not set(found.rows["train"] // 20) & set(found.rows["val"] // 20)


def test_given_parts_out_of_order_in_time_are_said() -> None:
    parts = {"train": np.arange(70), "test": np.arange(60, 100)}
    found = given_parts(parts, NONE, 0, SplitPlan(times=np.arange(100)))
    assert found.notes == ("9 samples of the given part train are later than the first of test",)
    assert found.rows["train"].max() < found.rows["val"].min()
