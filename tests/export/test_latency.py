"""Times."""

from __future__ import annotations

import time

import torch

from lossbook.export.latency import median_ms


def test_it_is_that_of_a_call_in_milliseconds() -> None:
    calls: list[int] = []

    def run(number: torch.Tensor) -> None:
        calls.append(int(number))
        time.sleep(0.002 if len(calls) > 1 else 0.2)  # the first call of a network takes long

    assert 2 <= median_ms(run, (torch.tensor(7),)) < 20
    assert set(calls) == {7}
    assert len(calls) <= 30
