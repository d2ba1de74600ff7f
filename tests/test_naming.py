"""Names of runs that every file system takes, and that a reader recognises."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossbook.naming import LONGEST, run_name


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        (["loss=mse", "optim.lr=1e-3", "seed=0"], "loss=mse,optim.lr=1e-3,seed=0"),
        (["optim.betas=[0.9,0.99]", "seed=0"], "optim.betas=0.9_0.99,seed=0"),
        (["+callbacks.x={a:1,b:2}"], "+callbacks.x=a_1_b_2-0"),
        (["data.root='my data'"], "data.root=my_data-0"),
        (["data.root=/a/b"], "data.root=_a_b-0"),
        (["data.root=..\\b"], "data.root=.._b-0"),
        ([".."], "_-0"),
        (["größe=1"], "gr_e=1-0"),
        ([], ""),
        ([""], ""),
    ],
)
def test_a_name_reads_as_what_was_given(overrides: list[str], name: str) -> None:
    assert re.sub(r"-[0-9a-f]{6}$", "-0", run_name(overrides)) == name


def test_long_values_are_cut_and_stay_distinct() -> None:
    first, second = (run_name([f"data.root={'x' * 300}{end}", "seed=0"]) for end in "ab")
    assert len(first) == len(second) == LONGEST
    assert first != second


def test_what_reads_the_same_stays_distinct() -> None:
    assert len({run_name([f"data.root={value}"]) for value in ("a/b", "a b", "a\\b", "a_b", "a:b")}) == 5


@given(st.lists(st.text(max_size=150), max_size=4))
def test_every_name_is_one_safe_folder_and_comes_out_as_it_is(overrides: list[str]) -> None:
    name = run_name(overrides)
    assert re.fullmatch(r"[A-Za-z0-9._=,+-]{0,100}", name)
    assert name.strip(".") == name
    assert run_name([name]) == name
