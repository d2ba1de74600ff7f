"""What a user is told about a mistake."""

from __future__ import annotations

from lossbook.errors import Problem, UserError, nearest, refuse, typed


def test_a_problem_is_told_in_at_most_four_lines() -> None:
    text = str(Problem("margin=0", "A margin is above 0.", "margin=1"))
    assert text.splitlines() == ["margin=0", "  A margin is above 0.", "  Fix: margin=1"]
    assert len(str(Problem("margin=0", "A margin is above 0.")).splitlines()) == 2


def test_several_problems_are_told_together() -> None:
    error = UserError(Problem("a", "b"), Problem("c", "d"))
    assert str(error) == "a\n  b\nc\n  d"
    assert refuse("a", "b").problems == (Problem("a", "b"),)


def test_nearest_finds_a_typo_and_gives_up_on_a_stranger() -> None:
    assert nearest("crossentropy", ["cross_entropy", "mse"]) == "cross_entropy"
    assert nearest("xyz", ["cross_entropy", "mse"]) is None


def test_values_are_shown_as_they_are_typed() -> None:
    assert typed([0.9, None, True, {"a": "b"}]) == "[0.9,null,true,{a:b}]"
