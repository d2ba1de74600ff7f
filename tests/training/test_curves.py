"""What a checkpoint carries of the curves."""

from __future__ import annotations

import torch

from lossbook.training.curves import CurveState, RecentPoints


def test_the_points_of_the_last_two_steps_are_carried() -> None:
    latest = RecentPoints()
    for step, metrics in ((3, {"lr": 0.1}), (8, {"lr": 0.2}), (8, {"val/loss": torch.tensor(0.5)}), (9, {"lr": 0.3})):
        latest.add(step, metrics)
    curves = latest.curves(due=[(8, {"train/loss": 0.25})])
    assert curves.step == 8
    assert list(curves.points) == [
        (8, {"lr": 0.2}),
        (8, {"val/loss": 0.5}),
        (9, {"lr": 0.3}),
        (8, {"train/loss": 0.25}),
    ]


def test_a_point_that_is_due_does_not_leave_earlier_ones_to_be_drawn_twice() -> None:
    """Only what lies before ``step`` stays in the files: the point at 3 would be there, and carried."""
    latest = RecentPoints()
    latest.add(3, {"lr": 0.1})
    assert latest.curves(due=[(8, {"train/loss": 0.25})]).step == 2


def test_nothing_logged_is_nothing_carried() -> None:
    assert RecentPoints().curves() == CurveState(0, [])
    assert RecentPoints().curves(due=[(0, {"train/loss": 1.0})]).step == 0


def test_curves_come_back_out_of_plain_containers() -> None:
    curves = CurveState(8, ((8, {"lr": 0.2}), (9, {"lr": 0.3})))
    assert CurveState.of(curves.state()) == curves
