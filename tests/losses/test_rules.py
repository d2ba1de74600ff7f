from __future__ import annotations

import operator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossbook.errors import UserError
from lossbook.losses.rules import Rule, look_up

CONFIG = {"loss": {"activation": "softmax", "criterion": {"margin": 0.0, "log": False, "weight": None}}}


def test_look_up():
    assert look_up(CONFIG, "loss.activation") == (True, "softmax")
    assert look_up(CONFIG, "loss.criterion.weight") == (True, None)
    assert look_up(CONFIG, "loss.criterion.p") == (False, None)
    assert look_up(CONFIG, "loss.activation.x") == (False, None)


def test_a_broken_rule_says_key_value_reason_and_fix():
    rule = Rule.read(
        {
            "when": {"loss.criterion.log": False},
            "need": {"loss.activation": ["softplus", None]},
            "why": "A rate is positive.",
        }
    )
    (problem,) = rule.problems(CONFIG)
    assert problem.given == "loss.activation=softmax with loss.criterion.log=false"
    assert problem.rule == "A rate is positive."
    assert problem.fix == "loss.activation=softplus or loss.activation=null"


def test_a_rule_applies_only_when_its_condition_holds():
    need = {"loss.activation": ["none"]}
    assert not Rule(need, {"loss.criterion.log": True}).problems(CONFIG)
    assert not Rule(need, {"loss.criterion.log": [True, None]}).problems(CONFIG)
    assert Rule(need, {"loss.criterion.log": [True, False]}).problems(CONFIG)
    assert not Rule(need, {"loss.criterion.unknown": 1}).problems(CONFIG)


def test_keys_that_are_not_there_are_passed_over():
    assert not Rule({"loss.criterion.p": "> 0", "data.batch_size": [1]}).problems(CONFIG)


COMPARE = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


@given(
    st.sampled_from(sorted(COMPARE)),
    st.integers(-3, 3),
    st.one_of(st.integers(-4, 4), st.floats(-4, 4), st.just(float("nan"))),
)
def test_bounds(sign, bound, value):
    broken = Rule.read({"need": {"x": f"{sign} {bound}"}}).problems({"x": value})
    assert bool(broken) == (not COMPARE[sign](value, bound))
    fixes = {f"x {sign} {bound}", f"x={bound}", f"x={bound + 1}", f"x={bound - 1}"}
    assert all(problem.fix in fixes for problem in broken)
    for problem in broken:
        _, typed, fix = problem.fix.partition("=") if " " not in problem.fix else ("", "", "")
        assert not typed or COMPARE[sign](float(fix), bound)


@pytest.mark.parametrize("value", [None, "auto", True, [0.0]])
def test_a_bound_is_about_numbers(value):
    assert not Rule.read({"need": {"x": "> 1"}}).problems({"x": value})


@pytest.mark.parametrize("bound", ["> 1.0e-08", "<= -2.5", ">=0"])
def test_bounds_as_they_are_written(bound):
    Rule.read({"need": {"x": bound}})


@pytest.mark.parametrize(
    "node", [{"need": {"x": 1}}, {"need": {"x": "= 1"}}, {"need": "x"}, {"needs": {"x": [1]}}, {"need": {}, "if": {}}]
)
def test_a_malformed_rule_is_refused(node):
    with pytest.raises(UserError, match=r"A (rule|condition) is"):
        Rule.read(node)
