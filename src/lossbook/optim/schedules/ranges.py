"""The valid range of each argument of a schedule, without torch."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from lossbook.ranges import COUNT, FLAG, Range, is_number, number, one_of, or_null, whole

_INTERVALS = "a share of the schedule's time, above 0 and below 1, or a whole number of intervals"


def _amount(value: Any) -> bool:
    """Return whether a value is a share above 0 and below 1, or a whole number from 1."""
    return is_number(value) and 0 < value <= COUNT and (value < 1 or value == int(value))


def _milestones(value: Any) -> bool:
    if not isinstance(value, (list, tuple)) or not value or not all(map(_amount, value)):
        return False
    return all(a < b for a, b in pairwise(value)) and (value[-1] < 1 or value[0] >= 1)


_OF_PEAK = number(0, 1).because("It is a share of the peak.")
_BELOW_PEAK = number(0, 1, below=True).because("It is a share of the peak.")
_AMOUNT = Range(_amount, _INTERVALS, 0.5)
_MOMENTUM = number(0, 1, below=True, example=0.9)
_GAMMA = number(0, 1, above=True, example=0.1).because(
    "The rate is multiplied by it: above 1 it would exceed the peak."
)
_VALIDATIONS = whole(0, COUNT, example=2)
RANGES: dict[str, Range] = {
    "warmup": Range(
        lambda value: (is_number(value) and value == 0) or _amount(value),
        "a share of the run from 0 to below 1, or a whole number of steps",
        0.05,
    ),
    "interval": one_of("step", "epoch"),
    "frequency": whole(1, COUNT),
    "start_factor": number(0, 1, above=True).because("It is a share of the peak."),
    "end_factor": _OF_PEAK,
    "final": _OF_PEAK,
    "base_lr": _BELOW_PEAK,
    "min_lr": _BELOW_PEAK,
    "total_iters": or_null(whole(1, COUNT), "for the rest of the run"),
    "step_size": _AMOUNT,
    "milestones": Range(_milestones, f"an increasing list of one kind of numbers: {_INTERVALS}", [0.5, 0.75]),
    "gamma": _GAMMA,
    "power": number(0, 100, above=True, example=2.0).because("1 is a straight line."),
    "T_0": _AMOUNT,
    "T_mult": whole(1, 1000),
    "pct_start": number(0, 1, example=0.3),
    "anneal_strategy": one_of("cos", "linear"),
    "div_factor": number(1, 1e10, example=25.0).because("It is the peak divided by the initial rate."),
    "final_div_factor": number(0, 1e10, above=True, example=1e4).because(
        "It is the initial rate divided by the final one."
    ),
    "cycle_momentum": FLAG,
    "three_phase": FLAG,
    "base_momentum": _MOMENTUM,
    "max_momentum": _MOMENTUM,
    "step_size_up": _AMOUNT,
    "step_size_down": or_null(_AMOUNT, "for that of an increase"),
    "factor": number(0, 1, above=True, below=True).because("The rate is multiplied by it."),
    "patience": _VALIDATIONS,
    "threshold": number(0, 1e12, example=1e-4),
    "threshold_mode": one_of("rel", "abs"),
    "cooldown": _VALIDATIONS,
}
# by class, because the key has two meanings
MODES = {"Cyclic": one_of("triangular", "triangular2", "exp_range"), "Plateau": one_of(None, "min", "max")}
FOREIGN = {key: RANGES[key] for key in ("interval", "frequency")}
"""The ranges of a schedule that is not Lossbook's."""


def of(target: Any) -> dict[str, Range]:
    """Return the ranges of the arguments of the schedule at a dotted path."""
    if not str(target).startswith("lossbook.optim.schedules."):
        return FOREIGN if target is not None else {}
    mode = MODES.get(str(target).rpartition(".")[2])
    return {**RANGES, "mode": mode} if mode is not None else RANGES
