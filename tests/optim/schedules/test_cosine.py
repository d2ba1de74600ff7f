"""Compare cosine schedules with torch's; the default one stays the same to the bit."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
from torch.optim import lr_scheduler as torchs

from lossbook.optim.schedules.cosine import Cosine, CosineRestarts
from lossbook.optim.schedules.length import Length

LENGTH = Length(100, 10)


@pytest.mark.parametrize(("steps", "warmup", "final"), [(100, 0.05, 0.0), (333, 0.1, 0.2), (40, 0.0, 0.0), (2, 0.5, 0)])
def test_the_default_curve_bit_for_bit(steps: int, warmup: float, final: float, groups: Any, walk: Any) -> None:
    optimizer = groups()
    rise = round(warmup * steps)

    def share(step: int) -> float:
        if step < rise:
            return (step + 1) / (rise + 1)
        progress = min(1.0, (step - rise) / max(1, steps - rise))
        return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * progress))

    expected = walk(optimizer, torchs.LambdaLR(optimizer, share), 100)
    again = groups()
    assert walk(again, Cosine(again, Length(steps, 7), final, warmup=warmup), 100) == expected


def test_by_hand(curve: Any) -> None:
    """Two of ten steps rise by thirds of the peak; then half a cosine to its tenth part, eight steps long."""
    cosine = [math.cos(math.pi * k / 8) for k in range(9)]
    shares = [1 / 3, 2 / 3, *(0.1 + 0.9 * (1 + c) / 2 for c in cosine), 0.1]
    found = curve(lambda o: Cosine(o, Length(10, 3), final=0.1, warmup=0.2), steps=12)
    assert [rates for rates, _ in found] == [pytest.approx([0.4 * share, 0.02 * share]) for share in shares]


@pytest.mark.parametrize("warmup", [0, 20])
def test_against_torch(warmup: int, curve: Any, same: Any) -> None:
    def reference(optimizer: Any) -> Any:
        cosine = torchs.CosineAnnealingLR(optimizer, 100 - warmup)
        if not warmup:
            return cosine
        risen = torchs.LinearLR(optimizer, 1 / (warmup + 1), 1.0, warmup)
        return torchs.SequentialLR(optimizer, [risen, cosine], [warmup])

    found, expected = curve(lambda o: Cosine(o, LENGTH, warmup=warmup)), curve(reference)
    same(found[: 99 - warmup], expected[: 99 - warmup])


@pytest.mark.parametrize(("cycle", "times"), [(7, 1), (25, 1), (3, 2), (10, 3), (1, 1)])
@pytest.mark.parametrize("warmup", [0, 20])
def test_restarts_against_torch(cycle: int, times: int, warmup: int, curve: Any, same: Any) -> None:
    def reference(optimizer: Any) -> Any:
        restarts = torchs.CosineAnnealingWarmRestarts(optimizer, cycle, times)
        if not warmup:
            return restarts
        risen = torchs.LinearLR(optimizer, 1 / (warmup + 1), 1.0, warmup)
        return torchs.SequentialLR(optimizer, [risen, restarts], [warmup])

    same(curve(lambda o: CosineRestarts(o, LENGTH, cycle, times, warmup=warmup)), curve(reference))


@pytest.mark.parametrize(("share", "times", "cycles"), [(0.25, 1, 4), (1 / 7, 2, 3), (1 / 3, 2, 2)])
@pytest.mark.parametrize("steps", [10, 97, 100, 390])
def test_restarts_by_shares_end_with_the_run(share: float, times: int, cycles: int, steps: int, curve: Any) -> None:
    rates = [r[0] for r, _ in curve(lambda o: CosineRestarts(o, Length(steps, 10), share, times), steps)]
    assert 1 + sum(later > rate for rate, later in pairwise(rates)) == cycles
    assert rates[-1] < 0.15


@pytest.mark.parametrize("steps", [1, 2])
def test_short_runs(steps: int, curve: Any) -> None:
    for warmup in (0.0, 0.5, 0.99):
        for kind in (Cosine, CosineRestarts):
            found = curve(lambda o, k=kind, w=warmup: k(o, Length(steps, 1), warmup=w), steps=3)
            assert all(0 <= rate <= 0.4 for rates, _ in found for rate in rates)
