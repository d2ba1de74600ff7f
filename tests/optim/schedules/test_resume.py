"""Resuming schedules; whole runs are in test_train.py."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.optim.lr_scheduler import CyclicLR, ExponentialLR

from lossbook.optim.schedules.decay import Linear
from lossbook.optim.schedules.length import Length
from lossbook.optim.schedules.resume import go_on


def test_torchs_classes_follow_peaks_that_are_the_checkpoints(groups: Any) -> None:
    optimizer = groups()
    schedule = ExponentialLR(optimizer, 0.5)
    for group in optimizer.param_groups:
        group |= {"initial_lr": 8.0, "lr": 3.0}
    go_on(schedule, ExponentialLR(groups(), 0.9).state_dict(), 3)
    assert [group["lr"] for group in optimizer.param_groups] == [1.0, 1.0]
    assert (schedule.last_epoch, schedule.gamma) == (3, 0.5)


def test_the_lowest_rate_of_cycles_is_no_peak() -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    optimizer.param_groups[0]["initial_lr"] = 1.0
    schedule = CyclicLR(optimizer, base_lr=0.1, max_lr=0.5, step_size_up=4, cycle_momentum=False)
    go_on(schedule, None, 2)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.3)


def test_a_strangers_state_is_loaded_as_it_is() -> None:
    class Stranger:
        def load_state_dict(self, state: dict[str, Any]) -> None:
            self.state = state

    stranger = Stranger()
    go_on(stranger, {"a": 1}, 5)
    assert stranger.state == {"a": 1}


def test_ours_goes_on_from_the_runs_steps_after_one_that_counted_epochs(groups: Any) -> None:
    schedule = Linear(groups(), Length(20, 5), warmup=0)
    go_on(schedule, {"last_epoch": 2}, 10)
    assert schedule.get_last_lr() == pytest.approx([0.2, 0.01])
