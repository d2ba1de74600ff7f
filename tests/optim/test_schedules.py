from __future__ import annotations

import math

import pytest
import torch

from lossbook.optim.schedules import CosineWithWarmup


def learning_rates(steps, *groups, **options):
    parameters = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": lr} for lr in groups]
    optimizer = torch.optim.SGD(parameters)
    schedule = CosineWithWarmup(optimizer, **options)
    seen = []
    for _ in range(steps):
        seen.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        schedule.step()
    return seen


def test_by_hand():
    """Two of ten steps rise by thirds of the peak; then half a cosine to its tenth part, eight steps long."""
    cosine = [math.cos(math.pi * k / 8) for k in range(9)]
    shares = [1 / 3, 2 / 3, *(0.1 + 0.9 * (1 + c) / 2 for c in cosine), 0.1]
    assert shares[2] == 1
    assert shares[6] == pytest.approx(0.55)
    found = learning_rates(12, 0.4, 0.02, total_steps=10, warmup=0.2, final=0.1)
    assert found == [pytest.approx([0.4 * share, 0.02 * share]) for share in shares]


def test_without_warmup_it_starts_at_the_peak():
    found = learning_rates(5, 1.0, total_steps=4, warmup=0.0)
    assert found == [
        pytest.approx([share], abs=1e-12) for share in (1, 0.5 + math.sqrt(0.125), 0.5, 0.5 - math.sqrt(0.125), 0)
    ]


@pytest.mark.parametrize("total_steps", [0, 1, 2])
def test_short_runs(total_steps):
    for warmup in (0.0, 0.5, 0.99):
        found = learning_rates(3, 1.0, total_steps=total_steps, warmup=warmup)
        assert all(0 <= lr <= 1 for (lr,) in found)
