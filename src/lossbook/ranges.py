"""What a value of the config may be: in an interval, one of some words, a list of these. No torch."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from lossbook.errors import Problem, typed

COUNT = 10**9
"""An upper bound for counts: more epochs, steps or samples than any run has."""


@dataclass(frozen=True)
class Range:
    """A set of allowed values, and how it is described.

    Args:
        admits: return whether a value is allowed.
        words: complete the sentence "KEY must be ...": ``a number above 0, at most 1``.
        example: an allowed value, for the fix where there is no default.
        why: a sentence with the reason for a bound, where it needs one.
    """

    admits: Callable[[Any], bool]
    words: str
    example: Any
    why: str = ""

    def __call__(self, key: str, value: Any, default: Any = None) -> Problem | None:
        """Return what is wrong with a value, or None where it is allowed; the fix is the default, if allowed."""
        if self.admits(value):
            return None
        fix = default if default is not None and self.admits(default) else self.example
        name = re.split(r"[+.]|: ", key)[-1]
        rule = f"{name} must be {self.words}."
        return Problem(f"{key}={typed(value)}", f"{rule} {self.why}".rstrip(), f"{key}={typed(fix)}")

    def because(self, why: str) -> Range:
        """Return the same range with a reason."""
        return replace(self, why=why)


def is_number(value: Any) -> bool:
    """Return whether a value is a number; true and false are not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_whole(value: Any) -> bool:
    """Return whether a value is a whole number; true and false are not."""
    return isinstance(value, int) and not isinstance(value, bool)


def number(low: float, high: float, *, above: bool = False, below: bool = False, example: Any = None) -> Range:
    """Allow numbers from ``low`` to ``high``; with ``above`` or ``below``, not these themselves."""
    assert math.isfinite(low)
    assert math.isfinite(high)

    def admits(value: Any) -> bool:
        return (
            is_number(value) and (value > low if above else value >= low) and (value < high if below else value <= high)
        )

    start = f"above {_shown(low)}" if above else f"from {_shown(low)}"
    end = {(True, True): " and below", (True, False): ", at most", (False, True): " to below", (False, False): " to"}
    words = f"a number {start}{end[above, below]} {_shown(high)}"
    inside = low if not above else high if not below else (low + high) / 2
    return Range(admits, words, inside if example is None else example)


def whole(low: int, high: int, *, example: Any = None) -> Range:
    """Allow whole numbers from ``low`` to ``high``; 1.0 is not one."""

    def admits(value: Any) -> bool:
        return is_whole(value) and low <= value <= high

    words = f"a whole number from {_shown(low)} {'on' if high == COUNT else f'to {_shown(high)}'}"
    return Range(admits, words, low if example is None else example)


def one_of(*values: Any) -> Range:
    """Allow these words, numbers, or null; true is not 1."""

    def admits(value: Any) -> bool:
        return any(type(value) is type(one) and value == one for one in values)

    return Range(admits, " or ".join(map(typed, values)), values[0])


def either(*ranges: Range) -> Range:
    """Allow what any of several ranges allows."""
    words = ", or ".join(one.words for one in ranges)
    return Range(lambda value: any(one.admits(value) for one in ranges), words, ranges[0].example)


def or_null(inside: Range, meaning: str = "") -> Range:
    """Allow what a range allows, or null; ``meaning`` says what null does."""
    both = either(inside, one_of(None))
    return replace(both, words=f"{both.words} {meaning}".rstrip(), example=None)


def listed(each: Range, least: int, most: int) -> Range:
    """Allow lists of ``least`` to ``most`` values, each in a range."""

    def admits(value: Any) -> bool:
        return isinstance(value, (list, tuple)) and least <= len(value) <= most and all(map(each.admits, value))

    many = f"{least} value{'s' if least != 1 else ''}" if least == most else f"{least} to {most} values"
    return Range(admits, f"a list of {many}, each {each.words}", [each.example] * max(1, least))


def row(*each: Range) -> Range:
    """Allow lists of as many values as ranges, each in its own."""

    def admits(value: Any) -> bool:
        if not isinstance(value, (list, tuple)) or len(value) != len(each):
            return False
        return all(one.admits(inner) for one, inner in zip(each, value, strict=True))

    words = f"a list of {len(each)} values: {'; '.join(one.words for one in each)}"
    return Range(admits, words, [one.example for one in each])


def _shown(bound: float) -> str:
    return f"{bound:,}" if isinstance(bound, int) else f"{bound:g}"


FLAG = replace(one_of(True, False), words="true or false", example=False)
FLAG_OR_NULL = or_null(FLAG)
