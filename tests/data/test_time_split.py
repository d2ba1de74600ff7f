"""Spans of time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossbook.data.time_split import time_split
from lossbook.errors import UserError

FRACTIONS = (0.7, 0.15, 0.15)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=200), st.integers(1, 6))
def test_spans_follow_each_other_and_equal_times_share_one(times: list[int], spans: int) -> None:
    times = np.array(times)
    if len(set(times.tolist())) < spans:
        with pytest.raises(UserError, match="each part needs a time"):
            time_split(times, (1 / spans,) * spans)
        return
    span = time_split(times, (1 / spans,) * spans)
    assert set(span.tolist()) == set(range(spans))
    for earlier in range(spans - 1):
        assert times[span == earlier].max() < times[span == earlier + 1].min()


@given(st.permutations(range(100)))
def test_different_times_are_cut_at_the_fractions(times: list[int]) -> None:
    span = time_split(np.array(times), FRACTIONS)
    assert np.bincount(span).tolist() == [70, 15, 15]


def test_a_boundary_moves_to_the_nearest_change_of_times() -> None:
    times = np.array(["2020"] * 66 + ["2021"] * 10 + ["2022"] * 9 + ["2023"] * 15)
    assert np.bincount(time_split(times, FRACTIONS)).tolist() == [66, 19, 15]


def test_dates() -> None:
    days = np.datetime64("2020-01-01") + np.arange(20)
    assert np.bincount(time_split(days, FRACTIONS)).tolist() == [14, 3, 3]


def test_one_time_cannot_be_divided() -> None:
    with pytest.raises(UserError, match="have 1 different time"):
        time_split(np.zeros(5), FRACTIONS)
