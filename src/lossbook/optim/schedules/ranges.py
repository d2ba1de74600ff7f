"""What each value of a schedule may be: no torch."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

Range = tuple[Callable[[Any], bool], str, str]
"""What a value may be, the rule in words, and a value that will do."""


def number(value: Any) -> bool:
    """Whether it is a number, which true and false are not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _within(low: float, high: float, *without: float) -> Callable[[Any], bool]:
    return lambda value: number(value) and low <= value <= high and value not in without


def _whole(low: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= low


def _amount(value: Any) -> bool:
    """A share above 0 and below 1, or a whole number from 1 on."""
    return number(value) and value > 0 and (value < 1 or value == int(value))


def _or_null(allowed: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or allowed(value)


def _milestones(value: Any) -> bool:
    if not isinstance(value, (list, tuple)) or not value or not all(map(_amount, value)):
        return False
    return all(a < b for a, b in pairwise(value)) and (value[-1] < 1 or value[0] >= 1)


def _one_of(*words: Any) -> Range:
    shown = " or ".join("null" if word is None else str(word) for word in words)
    return lambda value: value in words, f"It is {shown}.", "null" if words[0] is None else str(words[0])


_INF = float("inf")
_SHARE = "It is a share of the peak, from 0 to 1."
_AMOUNT = "It is a share of the schedule's time, above 0 and below 1, or a whole number of intervals."
_MOMENTUM = "A momentum is from 0 on and below 1."
RANGES: dict[str, Range] = {
    "warmup": (
        lambda value: value == 0 or _amount(value),
        "It is a share of the run, from 0 on and below 1, or a whole number of steps.",
        "0.05",
    ),
    "interval": _one_of("step", "epoch"),
    "frequency": (_whole(1), "It is a whole number from 1 on: every so many intervals.", "1"),
    "start_factor": (_within(0, 1, 0), "It is a share of the peak, above 0, at most 1.", "1.0"),
    "end_factor": (_within(0, 1), _SHARE, "0.0"),
    "final": (_within(0, 1), _SHARE, "0.0"),
    "base_lr": (_within(0, 1, 1), "It is a share of the peak, from 0 on and below 1.", "0.01"),
    "min_lr": (_within(0, 1, 1), "It is a share of the peak, from 0 on and below 1.", "0.0"),
    "total_iters": (_or_null(_whole(1)), "It is a whole number of intervals, or null for the rest of the run.", "null"),
    "step_size": (_amount, _AMOUNT, "0.5"),
    "milestones": (_milestones, f"They increase, and all are of one kind. {_AMOUNT}", "[0.5,0.75]"),
    "gamma": (_within(0, _INF, 0, _INF), "The rate is multiplied by it: it is above 0.", "0.1"),
    "power": (_within(0, _INF, 0, _INF), "It is above 0; 1 is a straight line.", "2.0"),
    "T_0": (_amount, _AMOUNT, "0.25"),
    "T_mult": (_whole(1), "It is a whole number from 1 on.", "1"),
    "pct_start": (_within(0, 1), "It is a share of the schedule's time, from 0 to 1.", "0.3"),
    "anneal_strategy": _one_of("cos", "linear"),
    "div_factor": (_within(1, _INF, _INF), "It is the peak over the first rate, from 1 on.", "25.0"),
    "final_div_factor": (_within(0, _INF, 0, _INF), "It is the first rate over the last, above 0.", "10000.0"),
    "base_momentum": (_within(0, 1, 1), _MOMENTUM, "0.85"),
    "max_momentum": (_within(0, 1, 1), _MOMENTUM, "0.95"),
    "step_size_up": (_amount, _AMOUNT, "0.125"),
    "step_size_down": (_or_null(_amount), f"{_AMOUNT[:-1]}, or null for as long as the rise.", "null"),
    "factor": (_within(0, 1, 0, 1), "The rate is multiplied by it: it is above 0 and below 1.", "0.5"),
    "patience": (_whole(0), "It is a whole number of validations, from 0 on.", "2"),
    "threshold": (_within(0, _INF, _INF), "It is from 0 on.", "0.0001"),
    "threshold_mode": _one_of("rel", "abs"),
    "cooldown": (_whole(0), "It is a whole number of validations, from 0 on.", "0"),
}
# by class: the same key has two meanings
MODES = {"Cyclic": _one_of("triangular", "triangular2", "exp_range"), "Plateau": _one_of(None, "min", "max")}
