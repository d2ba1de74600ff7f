"""Which sample is in which part."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossbook.data.assignment import assign_parts, given_parts, parts_to_evaluate, parts_to_resume
from lossbook.data.fitted import FittedData, KnownSamples
from lossbook.data.planned_parts import planned_parts
from lossbook.data.schema import Schema
from lossbook.data.source import PARTS
from lossbook.data.split import SplitPlan, stratified_split
from lossbook.errors import UserError

STRATA = np.arange(100) % 2
DIGESTS = np.random.Generator(np.random.PCG64(3)).integers(0, 2**63, 100).astype(np.uint64)
ROWS = planned_parts(SplitPlan(), STRATA, 0)
KNOWN = KnownSamples(DIGESTS, ROWS)


def test_fresh_parts_are_those_of_the_stratified_split() -> None:
    for part, expected in zip(PARTS, stratified_split(STRATA, 4), strict=True):
        assert planned_parts(SplitPlan(), STRATA, 4)[part].tolist() == expected.tolist()


def test_given_parts_are_kept_and_shuffled() -> None:
    parts = {"train": np.arange(60), "val": np.arange(60, 70), "test": np.arange(70, 100)}
    rows = given_parts(parts, STRATA, 0).rows
    for part in PARTS:
        assert sorted(rows[part]) == parts[part].tolist()
        assert rows[part].tolist() != parts[part].tolist()


def test_without_validation_15_percent_of_train_become_it() -> None:
    rows = given_parts({"train": np.arange(80), "test": np.arange(80, 100)}, STRATA, 0).rows
    assert [len(rows[part]) for part in PARTS] == [68, 12, 20]
    assert sorted([*rows["train"], *rows["val"]]) == list(range(80))
    assert STRATA[rows["val"]].sum() == 6


@pytest.mark.parametrize("order", [np.arange(100), np.arange(100)[::-1]])
def test_the_same_samples_keep_their_parts_and_their_order_in_any_order_of_the_file(order: np.ndarray) -> None:
    found = parts_to_resume(KNOWN, DIGESTS[order], STRATA[order], seed=9)
    for part in PARTS:
        assert order[found.rows[part]].tolist() == ROWS[part].tolist()
    assert found.notes == ()


def test_a_deleted_row_leaves_the_others_where_they_were() -> None:
    gone = ROWS["test"][3]
    left = np.delete(np.arange(100), gone)
    found = parts_to_resume(KNOWN, DIGESTS[left], STRATA[left], seed=0)
    assert set(left[found.rows["train"]]) == set(ROWS["train"])
    assert set(left[found.rows["test"]]) == set(ROWS["test"]) - {gone}
    assert found.notes == ("1 of the checkpoint's 100 samples are missing; the others keep their parts",)
    tested = parts_to_evaluate(KNOWN, DIGESTS[left])
    assert set(left[tested.rows["test"]]) == set(ROWS["test"]) - {gone}
    assert "14 of the checkpoint's test part; 85 that it was trained or validated on are left out" in tested.notes[0]


def test_new_rows_are_shared_out_in_training_and_scored_in_a_test() -> None:
    new = np.arange(20).astype(np.uint64)
    digests, strata = np.concatenate([new, DIGESTS]), np.concatenate([np.zeros(20, int), STRATA])
    found = parts_to_resume(KNOWN, digests, strata, seed=0)
    assert [len(found.rows[part]) for part in PARTS] == [70 + 14, 15 + 3, 15 + 3]
    assert (found.rows["train"][:70] - 20).tolist() == ROWS["train"].tolist()
    tested = parts_to_evaluate(KNOWN, digests)
    assert set(tested.rows["test"]) == set(ROWS["test"] + 20) | set(range(20))


def test_other_data_counts_whole_in_a_test_and_is_split_anew_in_training() -> None:
    other = DIGESTS + np.uint64(1)
    assert parts_to_evaluate(KNOWN, other).rows["test"].tolist() == list(range(100))
    found = parts_to_resume(KNOWN, other, STRATA, seed=5)
    assert found.rows["train"].tolist() == planned_parts(SplitPlan(), STRATA, 5)["train"].tolist()
    assert "split anew" in found.notes[0]


def test_a_copy_of_a_training_sample_is_no_test() -> None:
    doubled = np.concatenate([DIGESTS, DIGESTS[ROWS["train"]]])
    assert len(parts_to_evaluate(KNOWN, doubled).rows["test"]) == 15


def test_nothing_but_training_samples_is_refused() -> None:
    with pytest.raises(UserError, match="All 70 samples"):
        parts_to_evaluate(KNOWN, DIGESTS[ROWS["train"]])


def test_samples_that_hold_the_same_are_told_apart_by_their_order() -> None:
    known = KnownSamples(np.zeros(100, np.uint64), ROWS)
    found = parts_to_resume(known, np.zeros(100, np.uint64), STRATA, 0)
    assert {part: rows.tolist() for part, rows in found.rows.items()} == {p: r.tolist() for p, r in ROWS.items()}
    assert len(parts_to_evaluate(known, np.zeros(99, np.uint64)).rows["test"]) in (14, 15)


def test_a_new_table_of_few_categories_is_not_taken_for_the_old_one() -> None:
    few = np.arange(100).astype(np.uint64) % np.uint64(8)
    known = KnownSamples(few, ROWS)
    assert len(parts_to_evaluate(known, few[:50]).rows["test"]) == 50  # half as large, and it could be anybody's
    assert len(parts_to_evaluate(known, few[:95]).rows["test"]) < 20  # the old one, five rows deleted


@given(st.permutations(range(100)), st.integers(0, 60), st.integers(0, 30))
def test_no_sample_changes_sides(order: list[int], dropped: int, added: int) -> None:
    places = np.array(order[dropped:])
    digests = np.concatenate([DIGESTS[places], np.arange(added).astype(np.uint64)])
    strata = np.concatenate([STRATA[places], np.zeros(added, int)])
    found = parts_to_resume(KNOWN, digests, strata, 1).rows
    assert sorted(np.concatenate(list(found.values()))) == list(range(len(digests)))
    for part in PARTS:
        old = found[part][found[part] < len(places)]
        assert set(places[old]) <= set(ROWS[part])
    tested = parts_to_evaluate(KNOWN, digests).rows["test"] if added or set(places) & set(ROWS["test"]) else []
    assert not {places[row] for row in tested if row < len(places)} & {*ROWS["train"], *ROWS["val"]}


def test_what_was_trained_on_before_a_resumed_run_is_no_test() -> None:
    every = np.arange(100, dtype=np.uint64)
    places = {"train": np.arange(50), "val": np.arange(50, 60), "test": np.arange(60, 70)}
    known = KnownSamples(every[:70], places, earlier=every[70:90])
    assert sorted(parts_to_evaluate(known, every).rows["test"]) == [*range(60, 70), *range(90, 100)]
    assert sorted(parts_to_evaluate(known, every[70:]).rows["test"]) == list(range(20, 30))
    with pytest.raises(UserError, match="All 20 samples"):
        parts_to_evaluate(known, every[70:90])
    rows = parts_to_resume(known, every, np.zeros(100, int), 0).rows
    assert set(range(70, 90)) <= set(rows["train"].tolist())


def test_a_resumed_run_without_a_sample_for_a_part_is_refused() -> None:
    places = {"train": np.arange(50), "val": np.arange(50, 60), "test": np.arange(60, 70)}
    every = np.arange(70, dtype=np.uint64)
    with pytest.raises(UserError, match="no sample for train and val"):
        parts_to_resume(KnownSamples(every, places), every[60:], np.zeros(10, int), 0)


def test_given_test_samples_that_were_trained_on_are_said_when_a_run_goes_on() -> None:
    every = np.arange(70, dtype=np.uint64)
    places = {"train": np.arange(50), "val": np.arange(50, 60), "test": np.arange(60, 70)}
    known = FittedData(Schema("class", (1,), 50, classes=2), None, None, {}, None, known=KnownSamples(every, places))
    parts = {"train": np.arange(40), "val": np.arange(60, 70), "test": np.arange(40, 55)}
    assert "15 of these 15 test samples" in assign_parts(parts, np.zeros(70, int), 0, known, every).notes[0]


def test_groups_of_several_given_parts_are_said_in_the_order_of_the_parts() -> None:
    parts = {"train": np.array([0, 1, 2]), "val": np.array([3, 4]), "test": np.array([5, 6])}
    plan = SplitPlan(groups=np.array(["c", "a", "d", "b", "c", "b", "c"], dtype=object))
    (note,) = given_parts(parts, np.zeros(7, int), 0, plan).notes
    assert note == "groups in more than one of the given parts: c (train, val, test), b (val, test)"
