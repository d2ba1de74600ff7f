"""Compare decaying schedules with torch's, after torch's warmup."""

from __future__ import annotations

from typing import Any

import pytest
from torch.optim import lr_scheduler as torchs

from lossbook.optim.schedules.decay import Constant, Exponential, Linear, MultiStep, Polynomial, StepDecay
from lossbook.optim.schedules.length import Length

LENGTH = Length(100, 10)
STEP = {"interval": "step"}
CASES: dict[str, tuple[type, dict[str, Any], Any]] = {
    "constant": (Constant, {}, lambda o, rest: torchs.ConstantLR(o, 1.0)),
    "linear": (Linear, {}, lambda o, rest: torchs.LinearLR(o, 1.0, 0.0, rest)),
    "linear up": (
        Linear,
        {"start_factor": 0.25, "end_factor": 0.5, "total_iters": 40},
        lambda o, rest: torchs.LinearLR(o, 0.25, 0.5, 40),
    ),
    "step": (StepDecay, {"step_size": 7, "gamma": 0.5, **STEP}, lambda o, rest: torchs.StepLR(o, 7, 0.5)),
    "multistep": (
        MultiStep,
        {"milestones": [3, 20, 21, 70], "gamma": 0.3, **STEP},
        lambda o, rest: torchs.MultiStepLR(o, [3, 20, 21, 70], 0.3),
    ),
    "exponential": (Exponential, {"gamma": 0.97, **STEP}, lambda o, rest: torchs.ExponentialLR(o, 0.97)),
    "polynomial": (Polynomial, {"power": 3.0}, lambda o, rest: torchs.PolynomialLR(o, rest, 3.0)),
    "polynomial in part": (
        Polynomial,
        {"power": 0.9, "total_iters": 30},
        lambda o, rest: torchs.PolynomialLR(o, 30, 0.9),
    ),
}


@pytest.mark.parametrize("warmup", [0, 1, 20, 0.2])
@pytest.mark.parametrize("name", list(CASES))
def test_against_torch(name: str, warmup: float, curve: Any, same: Any) -> None:
    kind, options, torchs_own = CASES[name]
    rise = round(warmup * 100) if warmup < 1 else int(warmup)

    def reference(optimizer: Any) -> Any:
        if not rise:
            return torchs_own(optimizer, 100)
        first = CASES[name][1].get("start_factor", 1.0)
        risen = torchs.LinearLR(optimizer, first / (rise + 1), first, rise)
        return torchs.SequentialLR(optimizer, [risen, torchs_own(optimizer, 100 - rise)], [rise])

    same(curve(lambda o: kind(o, LENGTH, warmup=warmup, **options)), curve(reference))


@pytest.mark.parametrize(
    ("kind", "options", "torchs_own"),
    [
        (StepDecay, {"step_size": 3}, lambda o: torchs.StepLR(o, 3, 0.1)),
        (MultiStep, {"milestones": [2, 7]}, lambda o: torchs.MultiStepLR(o, [2, 7], 0.1)),
        (Exponential, {"gamma": 0.8}, lambda o: torchs.ExponentialLR(o, 0.8)),
        (Linear, {"interval": "epoch", "warmup": 0}, lambda o: torchs.LinearLR(o, 1.0, 0.0, 10)),
    ],
)
def test_by_epochs_torchs_own_is_held_for_each(
    kind: Any, options: dict[str, Any], torchs_own: Any, curve: Any, same: Any
) -> None:
    epochs = curve(torchs_own, steps=10)
    same(curve(lambda o: kind(o, LENGTH, **options)), [epochs[step // 10] for step in range(100)])


def test_shares_follow_the_length_of_the_run(curve: Any, same: Any) -> None:
    """In a run of 100 steps with a warmup of 20, a quarter of the rest are 20 steps, and half of it 40."""
    shares = {"gamma": 0.5, "warmup": 0.2, **STEP}
    same(
        curve(lambda o: StepDecay(o, LENGTH, step_size=0.25, **shares)),
        curve(lambda o: StepDecay(o, LENGTH, step_size=20, **shares)),
    )
    same(
        curve(lambda o: MultiStep(o, LENGTH, milestones=[0.25, 0.5], **shares)),
        curve(lambda o: MultiStep(o, LENGTH, milestones=[20, 40], **shares)),
    )


def test_what_polynomial_leaves_at_the_end(curve: Any) -> None:
    points = curve(lambda o: Polynomial(o, LENGTH, power=2.0, final=0.5, warmup=0), steps=102)
    rates = [point[0][0] for point in points]
    assert rates[50] == pytest.approx(0.4 * (0.5 + 0.5 * 0.25))
    assert rates[100] == rates[101] == pytest.approx(0.2)
