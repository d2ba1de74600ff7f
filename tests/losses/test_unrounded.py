from __future__ import annotations

import pytest
import torch
from torch import nn

from lossbook.losses.unrounded import unrounded
from lossbook.tasks.step import Step
from lossbook.training.meter import Meter


def test_a_wider_type_and_the_device_are_followed_and_no_narrower_type():
    low, high = (unrounded(lambda t, dtype=dtype: t.to(dtype)) for dtype in (torch.bfloat16, torch.float64))
    assert low(torch.ones(1)).dtype == torch.float32
    assert high(torch.ones(1)).dtype == torch.float64
    assert low(torch.ones(1, dtype=torch.float64)).dtype == torch.float64
    assert unrounded(lambda t: t.to("meta", torch.bfloat16))(torch.ones(1)).device.type == "meta"


def test_sums_are_not_cast_to_the_precision_of_the_network(objective):
    """In bfloat16 a sum of ones stands still at 256."""
    bound = objective("value", "loss=mse")  # of mean 100 and scale 20
    running = Meter({"": bound.measures()})
    nn.Sequential(running).to(torch.bfloat16)
    torch.set_default_dtype(torch.bfloat16)  # as Lightning does within a step
    try:
        for _ in range(10):
            running.add(Step.of(bound(torch.zeros(300, 1), {"target": torch.full((300, 1), 101.0)})))
            running.flush()
    finally:
        torch.set_default_dtype(torch.float32)
    found = running.compute()
    assert found == pytest.approx({"loss": (1 / 20) ** 2, "mae": 1.0, "rmse": 1.0})  # equal targets have no r2
