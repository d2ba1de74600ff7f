from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossbook.config.arguments import parse
from lossbook.config.options import Options, conf_folder
from lossbook.errors import UserError
from lossbook.search.space import Parameter, number, overrides, parameter, without

OPTIONS = Options([conf_folder()])


def read(argument: str, default: Any = None) -> Parameter:
    (override,) = parse([argument])
    return parameter(override, default, OPTIONS)


@pytest.mark.parametrize(
    ("argument", "default", "expected"),
    [
        ("a.b=interval(1e-4,1e-1)", 0.003, Parameter("a.b", low=1e-4, high=0.1, log=True)),
        ("a.b=interval(0,0.5)", 0.0, Parameter("a.b", low=0.0, high=0.5)),
        ("a.b=interval(0.001,0.09)", 0.0, Parameter("a.b", low=0.001, high=0.09)),  # 90 times apart
        ("a.b=tag(linear,interval(1e-4,1))", 0.1, Parameter("a.b", low=1e-4, high=1.0)),
        ("a.b=tag(log,interval(1,9))", 0.1, Parameter("a.b", low=1.0, high=9.0, log=True)),
        ("a.b=interval(0,1)", 0.0, Parameter("a.b", low=0.0, high=1.0)),  # the default's type tells
        ("a.b=interval(16,512)", 128, Parameter("a.b", low=16, high=512, step=1, whole=True)),
        ("a.b=interval(1,512)", 128, Parameter("a.b", low=1, high=512, step=1, whole=True, log=True)),
        ("a.b=interval(1,8)", None, Parameter("a.b", low=1, high=8, step=1, whole=True)),
        ("a.b=interval(1.0,8)", None, Parameter("a.b", low=1.0, high=8.0)),
        ("a.b=range(1,10)", 3, Parameter("a.b", low=1, high=9, step=1, whole=True)),
        ("a.b=range(10,50,15)", 3, Parameter("a.b", low=10, high=40, step=15, whole=True)),
        ("a.b=range(0,1,0.1)", 0.0, Parameter("a.b", low=0.0, high=0.9, step=0.1)),
        ("a.b=range(5,0,-2)", 0, Parameter("a.b", low=1, high=5, step=2, whole=True)),
        ("a.b=1,2,x", None, Parameter("a.b", ("1", "2", "x"))),
        ("a.b=1,2,1", None, Parameter("a.b", ("1", "2"))),
        ("+a.b=choice([1,2],[3])", None, Parameter("+a.b", ("[1,2]", "[3]"))),
        ("trainer=glob(*,exclude=[gpu,o*])", None, Parameter("trainer", ("auto", "cpu"))),
    ],
)
def test_every_sweep_of_hydras_grammar(argument: str, default: Any, expected: Parameter) -> None:
    assert read(argument, default) == expected


@pytest.mark.parametrize(
    ("argument", "default", "says"),
    [
        ("a.b=interval(5,1)", None, "Fix: 'a.b=interval(1,5)'$"),
        ("a.b=interval(1e-3,1e-3)", 0.1, "Fix: a.b=0.001$"),
        ("a.b=interval(3,3)", 1, "Fix: a.b=3$"),
        ("a.b=interval(-inf,3)", 1.0, "Fix: 'a.b=interval(1e-4,1e-1)'$"),
        ("a.b=interval(0.5,8)", 4, "a.b must be an integer.*Fix: 'a.b=interval(1,8)'$"),
        ("a.b=interval(0.1,0.9)", 4, "a.b must be an integer.*Fix: 'a.b=interval(1,2)'$"),
        (
            "a.b=tag(log,interval(0,1))",
            0.0,
            "log scale needs positive numbers.*Fix: 'a.b=tag(log,interval(0.01,1.0))'$",
        ),
        ("a.b=tag(log,interval(0,64))", 8, "Fix: 'a.b=tag(log,interval(1,64))'$"),
        ("a.b=tag(log,interval(-2,-1))", 0.0, "Fix: 'a.b=interval(-2.0,-1.0)'$"),
        ("a.b=tag(lag,interval(0,1))", 0.0, "There is no tag lag"),
        ("a.b=range(3,3)", 1, "its stop"),
        ("a.b=range(0,1,1e-9)", 1, "Fix: 'a.b=interval(0,1)'$"),
        ("a.b=range(1,0,-1e-9)", 1, "Fix: 'a.b=interval(0,1)'$"),
        ("a.b=interval(0,1),3", 1, "A choice must list values"),
        ("a.b=glob(*)", 1, "options of a group"),
        ("loss=glob(x*)", None, "nothing to choose"),
    ],
)
def test_what_cannot_be_searched_is_refused_with_the_fix(argument: str, default: Any, says: str) -> None:
    with pytest.raises(UserError, match="(?sm)" + says.replace("(", r"\(").replace(")", r"\)")):
        read(argument, default)


@pytest.mark.parametrize(
    ("argument", "rule", "fix"),
    [
        ("optim.lr=interval(a,b)", "An interval takes two numbers, its bounds.", "'optim.lr=interval(1e-4,1e-1)'"),
        ("optim.lr=interval(1e-4)", "An interval takes two numbers, its bounds.", "'optim.lr=interval(1e-4,1e-1)'"),
        ("optim.lr=interval(1,2,log)", "An interval takes two numbers, its bounds.", "'optim.lr=interval(1e-4,1e-1)'"),
        (
            "optim.lr=interval(1, 2",
            "Brackets must be closed within one argument; the shell splits arguments at blanks.",
            "'optim.lr=interval(1e-4,1e-1)'",
        ),
        ("a=range(x)", "A range takes a start, a stop and optionally a step.", "'a=range(0,5)'"),
        ("loss", "An argument must have the form key=value.", "key=value, such as loss=ctc; --help lists the options"),
    ],
)
def test_what_hydras_grammar_cannot_read_is_answered(argument: str, rule: str, fix: str) -> None:
    with pytest.raises(UserError) as refusal:
        overrides(["seed=3", argument], OPTIONS)
    assert str(refusal.value).splitlines() == [argument, f"  {rule}", f"  Fix: {fix}"]


@given(st.floats(1e-4, 1e-1))
def test_a_number_that_is_drawn_is_short_and_within(value: float) -> None:
    log = Parameter("lr", low=1e-4, high=0.1, log=True)
    assert log.rounded(value) == pytest.approx(value, rel=1e-3)
    assert log.low <= log.rounded(value) <= log.high
    assert len(number(log.rounded(value))) <= 9
    assert float(number(log.rounded(value))) == log.rounded(value)
    line = Parameter("lr", low=1000.0, high=1001.0)
    assert line.rounded(1000 + value) == pytest.approx(1000 + value, abs=1e-3)


def test_steps_are_not_the_sums_of_floats() -> None:
    assert [Parameter("a", low=0.0, high=0.9, step=0.1).rounded(0.1 * n) for n in (3, 6, 7)] == [0.3, 0.6, 0.7]


@pytest.mark.parametrize(
    ("value", "text"), [(1e-5, "1e-5"), (0.0123, "0.0123"), (3, "3"), (2.0, "2.0"), (1e20, "1e20"), (1 / 3, str(1 / 3))]
)
def test_numbers_are_written_as_one_types_them(value: float, text: str) -> None:
    assert number(value) == text
    (override,) = parse([f"a={number(value)}"])
    assert (override.value(), type(override.value())) == (value, type(value))


def test_a_key_of_some_options_applies_where_they_are_chosen() -> None:
    momentum = Parameter("optim.momentum", low=0.0, high=0.9, only=("optim", ("sgd",)))
    assert momentum.applies({"optim": "sgd"})
    assert not momentum.applies({"optim": "adam"})
    assert str(momentum) == "0.0 to 0.9   if optim=sgd"
    assert Parameter.of_json(asdict(momentum)) == momentum


def test_both_ends_and_every_choice_are_probed() -> None:
    assert read("a=interval(0,0.5)", 0.0).probes() == ["a=0.0", "a=0.5", "a=0.25"]
    assert read("a=x,y").probes() == ["a=x", "a=y"]
    assert without(read("a=x,y"), {"x"}) == Parameter("a", ("y",))
