from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sklearn import datasets

from lossbook.data.split import stratified_split, value_strata
from lossbook.errors import UserError


@given(
    st.lists(st.integers(0, 3), min_size=20, max_size=200) | st.lists(st.integers(0, 60), min_size=20, max_size=200),
    st.integers(0, 5),
)
@example([0] * 14 + [1] * 3 + [2] * 3 + [3] * 4, 0)
@example([0] * 100 + list(range(1, 41)), 0)  # many strata of one sample beside a large one
def test_parts_are_disjoint_complete_and_stratified(strata: list[int], seed: int) -> None:
    labels = np.array(strata)
    parts = stratified_split(labels, seed)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(labels)))
    for part, fraction in zip(parts, (0.7, 0.15, 0.15), strict=True):
        assert abs(len(part) - fraction * len(labels)) <= 1
        for label in set(strata):
            assert abs((labels[part] == label).sum() - fraction * (labels == label).sum()) <= 1 + 1e-9


def test_the_same_seed_gives_the_same_split_and_another_another() -> None:
    labels = np.repeat(np.arange(4), 25)
    first, again, other = (stratified_split(labels, seed) for seed in (0, 0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])


def test_the_draw_is_fixed_on_every_machine() -> None:
    assert [part.tolist() for part in stratified_split(np.array([0, 1] * 4), 0)] == [[6, 1, 3, 4, 2, 5], [0], [7]]


@given(st.lists(st.integers(0, 30), min_size=20, max_size=200), st.integers(1, 9))
def test_two_parts(strata: list[int], tenths: int) -> None:
    labels = np.array(strata)
    part, other = stratified_split(labels, 0, (tenths / 10, 1 - tenths / 10))
    assert sorted([*part, *other]) == list(range(len(labels)))
    for label in set(strata):
        assert abs((labels[part] == label).sum() - tenths / 10 * (labels == label).sum()) <= 1 + 1e-9


# of all rows in order, of the first release: published accuracies rest on them
SHIPPED = {
    "digits": (1797, "779402d459f3d41a24bd3e0db32a2b9a"),
    "breast_cancer": (569, "076eaff74a4930804d88c78deb8b4bd5"),
    "diabetes": (442, "57b5fea4f9df1c4f3884e24d07e14cf2"),
}


@pytest.mark.parametrize("name", SHIPPED)
def test_the_rows_of_the_shipped_sets(name: str) -> None:
    target = getattr(datasets, f"load_{name}")().target
    parts = stratified_split(value_strata(target) if name == "diabetes" else target, 0)
    samples, digest = SHIPPED[name]
    assert sum(map(len, parts)) == samples
    assert hashlib.md5(np.concatenate(parts).astype("<i8").tobytes()).hexdigest() == digest


def test_a_class_of_one_sample_is_trained_on() -> None:
    assert 40 in stratified_split(np.array([0] * 40 + [1]), 0)[0]


def test_too_few_samples_are_refused() -> None:
    with pytest.raises(UserError, match="needs a sample"):
        stratified_split(np.zeros(2), 0)


def test_value_strata_are_deciles() -> None:
    values = np.random.default_rng(0).normal(size=50)
    strata = value_strata(values)
    assert np.bincount(strata).tolist() == [5] * 10
    assert values[strata == 0].max() < values[strata == 1].min()
