"""Groups in parts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossbook.data.group_split import group_split
from lossbook.errors import UserError

FRACTIONS = (0.7, 0.15, 0.15)


def divide(groups: np.ndarray, strata: np.ndarray, fractions: tuple[float, ...] = FRACTIONS) -> np.ndarray:
    return group_split(groups, strata, fractions, np.random.Generator(np.random.PCG64(0)))


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 3)), min_size=3, max_size=200), st.integers(2, 5))
def test_no_group_is_in_two_parts_and_no_part_is_empty(samples: list[tuple[int, int]], parts: int) -> None:
    groups, strata = np.array(samples).T
    if len(set(groups.tolist())) < parts:
        with pytest.raises(UserError, match="each part needs a group"):
            divide(groups, strata, (1 / parts,) * parts)
        return
    part = divide(groups, strata, (1 / parts,) * parts)
    assert set(part.tolist()) == set(range(parts))
    for group in set(groups.tolist()):
        assert len(set(part[groups == group].tolist())) == 1


@given(st.lists(st.integers(1, 10), min_size=30, max_size=60), st.integers(0, 3))
def test_sizes_are_near_the_fractions(sizes: list[int], seed: int) -> None:
    groups = np.repeat(np.arange(len(sizes)), sizes)
    part = group_split(groups, np.zeros(len(groups)), FRACTIONS, np.random.Generator(np.random.PCG64(seed)))
    for number, fraction in enumerate(FRACTIONS):
        assert abs((part == number).sum() - fraction * len(groups)) <= max(sizes)


def test_strata_are_shared_out_as_well() -> None:
    groups = np.arange(400) // 4
    strata = (np.arange(400) // 4) % 4 == 0  # a quarter of the groups is of class 1
    part = divide(groups, strata)
    for number in range(3):
        assert strata[part == number].mean() == pytest.approx(0.25, abs=0.05)


def test_names_of_groups_do_not_matter() -> None:
    groups = np.arange(60) // 3
    named = np.array([f"patient {group:02d}" for group in groups], dtype=object)
    assert divide(groups, groups % 2).tolist() == divide(named, groups % 2).tolist()


def test_fewer_groups_than_parts() -> None:
    with pytest.raises(UserError, match=r"are of 2 groups \(a, b\)"):
        divide(np.array(["a", "b", "a"]), np.zeros(3))


def test_many_groups_take_seconds() -> None:
    groups = np.arange(200_000) // 5
    part = divide(groups, np.arange(200_000) % 10)
    assert np.bincount(part).tolist() == [140_000, 30_000, 30_000]


def test_each_group_goes_where_it_is_lacked_most() -> None:
    random = np.random.default_rng(1)
    groups, strata = random.integers(0, 60, 400), random.integers(0, 7, 400)
    held = np.zeros((60, 7))
    np.add.at(held, (groups, strata), 1)
    totals, sizes = held.sum(0), held.sum(1)
    shuffled = np.random.Generator(np.random.PCG64(0)).permutation(60)
    lacking = np.outer((*FRACTIONS,), totals)
    expected = np.empty(60, int)
    for group in shuffled[np.argsort(-sizes[shuffled], kind="stable")]:
        after = lacking[:, None] - np.eye(3)[:, :, None] * held[group]  # [part, part that takes the group, stratum]
        lack = (after**2 / totals).sum((0, 2)) + (after.sum(2) ** 2).sum(0) / len(groups)
        expected[group] = place = int(np.argmin(lack.round(9)))
        lacking[place] -= held[group]
    assert divide(groups, strata).tolist() == expected[groups].tolist()
