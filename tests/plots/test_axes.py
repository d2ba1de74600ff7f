from __future__ import annotations

import pytest

from lossbook.plots.axes import label_width, limits, visible_count


@pytest.mark.parametrize(
    ("values", "mode", "kept"),
    [
        ([0.99, 0.98, 0.97, 0.1], "max", 3),
        ([46, 47, 50, 1e7], "min", 3),
        ([0.99, 0.98, 0.97, 0.9], "max", 4),  # far, but all can be told apart
        ([41, 44, 45, 46, 49, 63, 97, 188, 2647], "min", 7),  # each a little further: 49 - 41 is a tenth of up to 121
        ([0.99, 0.1], "max", 2),
        ([0.99, 0.99, 0.99, 0.1], "max", 4),  # nothing to be told apart
        ([0.99, 0.98, 0.2, 0.15, 0.1], "max", 5),  # more than half: a finding, no accident
        ([0.99, 0.98, 0.97, 0.15, 0.1], "max", 3),
        ([0.5], "max", 1),
        ([], "max", 0),
        ([1e7, 46, 50, 47], "min", 3),  # in any order
    ],
)
def test_a_few_that_lie_far_behind_are_left_out(values: list[float], mode: str, kept: int) -> None:
    assert visible_count(values, mode) == kept


def test_limits_leave_room_and_never_meet() -> None:
    assert limits([0.0, 1.0], 0.1) == (-0.1, 1.1)
    for one in (0.0, 5.0, -5.0):
        low, high = limits([one])
        assert low < one < high


def test_labels_take_the_room_of_the_longest() -> None:
    assert label_width([]) == 0
    assert label_width(["a", "abc"]) == pytest.approx(3 * label_width(["a"]))
