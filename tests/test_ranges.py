"""What lies within a range, what does not, and how it is said."""

from __future__ import annotations

import math
from typing import Any

import pytest

from lossbook.ranges import COUNT, FLAG, Range, either, listed, number, one_of, or_null, row, whole

CASES: list[tuple[Range, str, list[Any], list[Any]]] = [
    (number(0, 1), "a number from 0 to 1", [0, 1, 0.5], [-1e-9, 1.1, True, "0.5", None, math.nan, math.inf, [0.5]]),
    (number(0, 1, above=True), "a number above 0, at most 1", [1, 1e-30], [0, -0.0, 1.01, math.nan]),
    (number(0, 1, below=True), "a number from 0 to below 1", [0, 0.999], [1, 1.0]),
    (number(-1, 1, above=True, below=True), "a number above -1 and below 1", [0], [-1, 1]),
    (whole(1, 9), "a whole number from 1 to 9", [1, 9], [0, 10, 1.0, True, "1", None, 10**30, math.inf]),
    (whole(0, COUNT), "a whole number from 0 on", [0, COUNT], [-1, COUNT + 1]),
    (one_of(1, None, "all"), "1 or null or all", [1, None, "all"], [True, 1.0, "null", ""]),
    (FLAG, "true or false", [True, False], [0, 1, None, "true"]),
    (or_null(whole(1, 2), "for all"), "a whole number from 1 to 2, or null for all", [None, 2], [0, "null"]),
    (either(whole(1, 5), number(0, 1)), "a whole number from 1 to 5, or a number from 0 to 1", [0.5, 5], [1.5, True]),
    (listed(number(0, 1), 2, 2), "a list of 2 values, each a number from 0 to 1", [[0, 1]], [[0], [0, 2], 0.5, "ab"]),
    (listed(whole(1, 2), 0, 3), "a list of 0 to 3 values, each a whole number from 1 to 2", [[], [2]], [None, [[1]]]),
    (row(FLAG, whole(1, 2)), "a list of 2 values: true or false; a whole number from 1 to 2", [[True, 1]], [[1, 1]]),
]


@pytest.mark.parametrize(("inside", "words", "within", "without"), CASES, ids=[case[1] for case in CASES])
def test_what_is_within_and_how_it_is_said(inside: Range, words: str, within: list[Any], without: list[Any]) -> None:
    assert inside.words == words
    assert inside.admits(inside.example)
    assert all(inside.admits(value) for value in within)
    assert not any(inside.admits(value) for value in without)


def test_the_refusal_names_rule_reason_and_default() -> None:
    inside = number(0, 1).because("It is a share.")
    assert inside("optim.eps", 0.5) is None
    assert str(inside("optim.eps", 2, 1e-8)) == (
        "optim.eps=2\n  eps must be a number from 0 to 1. It is a share.\n  Fix: optim.eps=1e-08"
    )
    assert str(inside("data.augment: p", 2, 3)).splitlines()[-1] == "  Fix: data.augment: p=0"
    assert str(inside("+trainer.x", None)).splitlines()[1] == "  x must be a number from 0 to 1. It is a share."
