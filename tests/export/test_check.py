"""Comparing an export with its network."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor

from lossbook.errors import UserError
from lossbook.export.check import largest_difference

BATCHES = [(torch.randn(1, 2, generator=torch.Generator().manual_seed(0)),)]


@pytest.mark.parametrize("added", [0.0, 5e-5])
def test_how_far_they_are_apart(raw: Callable, schema: Callable, added: float) -> None:
    network, *_ = raw(schema("value"), "loss=mse", "loss.accepts.value=plain")
    found = largest_difference(network, lambda x: [value + added for value in network.named((x,)).values()], BATCHES)
    assert found == pytest.approx(added, abs=1e-6)


def test_large_outputs_are_compared_by_their_digits(raw: Callable, schema: Callable) -> None:
    network, *_ = raw(schema("value"), "loss=mse", "loss.accepts.value=plain", model=lambda x: x[:, :1] * 0 + 1e6)
    found = largest_difference(network, lambda x: [value + 10 for value in network.named((x,)).values()], BATCHES)
    assert found == pytest.approx(1e-5, rel=0.1)


def wrong_numbers(values: Sequence[Tensor]) -> Sequence[Tensor]:
    return [values[0] + 1, *values[1:]]


def wrong_class(values: Sequence[Tensor]) -> Sequence[Tensor]:
    return [values[0], (values[1] + 1) % 3, values[2]]


def too_few(values: Sequence[Tensor]) -> Sequence[Tensor]:
    return values[:2]


def another_shape(values: Sequence[Tensor]) -> Sequence[Tensor]:
    return [values[0][:, :2], *values[1:]]


def nothing(values: Sequence[Tensor]) -> Sequence[Tensor]:
    return [value * torch.nan if value.is_floating_point() else value for value in values]


@pytest.mark.parametrize("change", [wrong_numbers, wrong_class, too_few, another_shape, nothing])
def test_what_differs_is_refused(
    raw: Callable, schema: Callable, change: Callable[[Sequence[Tensor]], Sequence[Tensor]]
) -> None:
    network, *_ = raw(schema("class"), "loss=cross_entropy")
    with pytest.raises(UserError, match=r"On inputs of 1 x 2, "):
        largest_difference(network, lambda x: change([*network.named((x,)).values()]), BATCHES)


def test_a_class_may_tie_by_rounding(raw: Callable, schema: Callable) -> None:
    network, *_ = raw(schema("class"), "loss=cross_entropy", model=lambda x: x[:, :1] * 0 + torch.tensor([1, 1, 0]))
    scores = torch.tensor([[1.0, 1.0 + 1e-6, 0.0]])  # class 1 there, class 0 here
    assert largest_difference(network, lambda _: [scores, torch.tensor([1]), scores.softmax(1)], BATCHES) < 1e-5
