from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

from lossbook.checkpoints.entries import (
    Check,
    each,
    entries,
    finite,
    flag,
    like,
    number,
    optional,
    pair,
    require,
    tensor_like,
    text,
    whole,
)
from lossbook.errors import UserError


@pytest.mark.parametrize(
    ("check", "right", "wrong"),
    [
        (whole, [0, 7], [-1, True, 1.0, "1", None, 10**30]),
        (number, [0, -1.5, math.nan], [True, "1", None, 1j, -(10**30)]),
        (finite, [0, -1.5], [math.nan, math.inf, True]),
        (flag, [True], [1, None]),
        (text, ["a"], [b"a", None]),
        (optional(whole), [None, 3], [-3]),
        (each(whole), [[], [1, 2], (3,)], [{}, [1, -1], "ab"]),
        (each(whole, str), [{}, {"a": 1}], [[], {"a": -1}, {1: 1}]),
        (entries({"a": whole}, {"b": text}), [{"a": 1}, {"a": 1, "b": "", "c": []}], [{}, {"a": 1, "b": 2}, None]),
        (pair(whole, text), [[1, "a"]], [[1], ["a", 1], 5]),
        (like({"a": [0, -1.0], "b": None, "c": "x"}), [{"a": [3, 2], "b": 7, "c": ""}], [{"a": [3], "b": 0, "c": ""}]),
        (like(torch.tensor(math.inf)), [torch.tensor(1.0), torch.tensor(math.inf)], [torch.tensor(math.nan), 1.0]),
    ],
)
def test_values_that_are_right_and_wrong(check: Check, right: list[Any], wrong: list[Any]):
    assert [value for value in right if [*check(value, "entry")]] == []
    for value in wrong:
        with pytest.raises(UserError):
            require(value, check)


OWN = torch.zeros(2, 3)


@pytest.mark.parametrize("value", [OWN, OWN.double(), OWN.half(), nn.Parameter(OWN), OWN.t().contiguous().t()])
def test_tensors_of_the_same_shape_and_kind(value: torch.Tensor):
    assert [*tensor_like(OWN)(value, "w")] == []


@pytest.mark.parametrize(
    "value",
    [
        OWN[0], OWN[None], OWN.t(), OWN.long(), OWN.bool(), OWN.to(torch.complex64), OWN / 0, OWN + math.inf,
        (OWN + 1e300).double() * 1e300, OWN.to("meta"), OWN.to_sparse(), torch.zeros(()).expand(10**6, 10**6), 0.0,
        torch.full((2, 3), 1e300, dtype=torch.float64),
    ],
)  # fmt: skip
def test_tensors_that_would_not_do(value: Any):
    (said,) = tensor_like(OWN)(value, "w")
    assert said.startswith("w ")


def test_what_is_said_names_the_entry_and_both_sides():
    (said,) = tensor_like(OWN)(torch.zeros(4, dtype=torch.int64), "state_dict.w")
    assert said == "state_dict.w is (4,) int64; it must be (2, 3) float32."
    assert [*entries({"a": entries({"b": whole})})({"a": {"b": -1}}, "")] == [
        "a.b is -1; it must be a whole number, 0 or more."
    ]
