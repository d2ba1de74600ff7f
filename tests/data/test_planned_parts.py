"""Parts as a plan asks for them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossbook.data.planned_parts import planned_parts, split_validation
from lossbook.data.source import PARTS
from lossbook.data.split import SplitPlan, stratified_split
from lossbook.errors import UserError

STRATA = np.arange(120) % 3
GROUPS = np.arange(120) // 4
TIMES = np.random.Generator(np.random.PCG64(0)).permutation(120)


def plans(kind: str) -> SplitPlan:
    return SplitPlan(
        groups=GROUPS if kind == "groups" else None,
        times=TIMES if kind == "times" else None,
    )


@given(st.lists(st.integers(0, 3), min_size=40, max_size=200), st.integers(1, 8), st.integers(1, 8), st.integers(0, 3))
def test_any_fractions_are_kept(strata: list[int], val: int, test: int, seed: int) -> None:
    fractions = (1 - (val + test) / 20, val / 20, test / 20)
    rows = planned_parts(SplitPlan(fractions), np.array(strata), seed)
    assert sorted(np.concatenate(list(rows.values()))) == list(range(len(strata)))
    for name, fraction in zip(PARTS, fractions, strict=True):
        assert abs(len(rows[name]) - fraction * len(strata)) <= 1
        for label in set(strata):
            share = (np.array(strata)[rows[name]] == label).sum()
            assert abs(share - fraction * strata.count(label)) < 2


def test_without_anything_else_it_is_the_stratified_split() -> None:
    rows = planned_parts(SplitPlan(), STRATA, 7)
    assert [rows[name].tolist() for name in PARTS] == [part.tolist() for part in stratified_split(STRATA, 7)]


@given(st.sampled_from(["random", "groups"]), st.integers(3, 8), st.integers(0, 3))
def test_each_sample_is_once_tested_over_all_folds(kind: str, folds: int, seed: int) -> None:
    tested = []
    for fold in range(folds):
        plan = replace(plans(kind), folds=folds, fold=fold)
        rows = planned_parts(plan, STRATA, seed)
        assert sorted(np.concatenate(list(rows.values()))) == list(range(120))
        assert all(len(rows[name]) for name in PARTS)
        assert abs(len(rows["test"]) - 120 / folds) <= (4 if kind == "groups" else 1)
        tested += rows["test"].tolist()
        if kind == "groups":
            for name in PARTS:
                others = np.concatenate([rows[other] for other in PARTS if other != name])
                assert not set(GROUPS[rows[name]]) & set(GROUPS[others])
    assert sorted(tested) == list(range(120))


@given(st.lists(st.integers(0, 5), min_size=20, max_size=100), st.integers(2, 6), st.integers(0, 3))
def test_folds_are_stratified(strata: list[int], folds: int, seed: int) -> None:
    labels = np.array(strata)
    for fold in range(folds):
        rows = planned_parts(SplitPlan(folds=folds, fold=fold), labels, seed)
        for label in set(strata):
            assert abs((labels[rows["test"]] == label).sum() - (labels == label).sum() / folds) < 1


@given(st.integers(2, 8))
def test_folds_in_time_are_an_expanding_window(folds: int) -> None:
    tested, window = [], 0
    for fold in range(folds):
        rows = planned_parts(SplitPlan(times=TIMES, folds=folds, fold=fold), STRATA, 0)
        train, val, test = (TIMES[rows[name]] for name in PARTS)
        assert train.max() < val.min()
        assert val.max() < test.min()
        assert len(train) + len(val) > window
        assert sorted([*train, *val]) == list(range(len(train) + len(val)))
        window = len(train) + len(val)
        tested += test.tolist()
    assert sorted(tested) == list(range(120 - len(tested), 120))  # all but the first span
    assert len(tested) == pytest.approx(120 * folds / (folds + 1), abs=1)


@pytest.mark.parametrize("kind", ["random", "groups", "times"])
@pytest.mark.parametrize("folds", [None, 4])
def test_parts_are_drawn_by_the_seed_and_in_random_order(kind: str, folds: int | None) -> None:
    plan = replace(plans(kind), folds=folds, fold=0 if folds is None else 2)
    first, again = planned_parts(plan, STRATA, 0), planned_parts(plan, STRATA, 0)
    other = planned_parts(plan, STRATA, 1)
    for name in PARTS:
        assert first[name].tolist() == again[name].tolist()
        assert first[name].tolist() != other[name].tolist()
        assert first[name].tolist() != sorted(first[name].tolist(), key=lambda row: TIMES[row])
    if kind == "times":
        assert all(set(first[name]) == set(other[name]) for name in PARTS)


@pytest.mark.parametrize("kind", ["groups", "times"])
def test_validation_is_taken_by_group_and_time(kind: str) -> None:
    plan, rest = plans(kind), np.arange(80)
    train, val = split_validation(plan, rest, STRATA, 0)
    assert sorted([*train, *val]) == rest.tolist()
    assert len(val) == pytest.approx(80 * 0.15 / 0.85, abs=2)
    if kind == "times":
        assert TIMES[train].max() < TIMES[val].min()
    else:
        assert not set(GROUPS[train]) & set(GROUPS[val])


def test_more_folds_than_samples() -> None:
    with pytest.raises(UserError, match=r"data\.folds=9 for 5 samples"):
        planned_parts(SplitPlan(folds=9), np.zeros(5), 0)


@pytest.mark.parametrize("folds", [2, 5])
def test_one_group_is_left_for_training_and_validation(folds: int) -> None:
    groups = np.arange(10) // 5
    with pytest.raises(UserError, match="each part needs a group"):
        planned_parts(SplitPlan(groups=groups, folds=folds), np.zeros(10), 0)
