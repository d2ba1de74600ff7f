from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossbook.data.split import stratified_split, value_strata
from lossbook.errors import UserError


@given(st.lists(st.integers(0, 3), min_size=20, max_size=200), st.integers(0, 5))
def test_parts_are_disjoint_complete_and_stratified(strata: list[int], seed: int) -> None:
    labels = np.array(strata)
    parts = stratified_split(labels, seed)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(labels)))
    for part, fraction in zip(parts, (0.7, 0.15, 0.15), strict=True):
        assert abs(len(part) - fraction * len(labels)) <= 1
        for label in set(strata):
            assert abs((labels[part] == label).sum() - fraction * (labels == label).sum()) <= 2


def test_the_same_seed_gives_the_same_split_and_another_another() -> None:
    labels = np.repeat(np.arange(4), 25)
    first, again, other = (stratified_split(labels, seed) for seed in (0, 0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])


def test_the_draw_is_fixed_on_every_machine() -> None:
    assert [part.tolist() for part in stratified_split(np.array([0, 1] * 4), 0)] == [[6, 1, 3, 4, 2, 5], [0], [7]]


def test_a_class_of_one_sample_is_trained_on() -> None:
    assert 40 in stratified_split(np.array([0] * 40 + [1]), 0)[0]


def test_too_few_samples_are_refused() -> None:
    with pytest.raises(UserError, match="each part needs at least one sample"):
        stratified_split(np.zeros(2), 0)


def test_value_strata_are_deciles() -> None:
    values = np.random.default_rng(0).normal(size=50)
    strata = value_strata(values)
    assert np.bincount(strata).tolist() == [5] * 10
    assert values[strata == 0].max() < values[strata == 1].min()
