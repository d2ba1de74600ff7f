"""Graphs of networks, and networks that have none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lossbook.data.schema import Schema
from lossbook.errors import UserError
from lossbook.export.trace import traced

IMAGES = Schema("class", (1, 6, 6), 10, classes=3)


def if_positive(inputs: Tensor) -> Tensor:
    return inputs.flatten(1)[:, :3] if inputs.sum() > 0 else -inputs.flatten(1)[:, :3]


def as_many_as_traced(inputs: Tensor) -> Tensor:
    return torch.stack([inputs[row].flatten()[:3] for row in range(len(inputs))])


def through_numpy(inputs: Tensor) -> Tensor:
    return torch.from_numpy(inputs.detach().flatten(1)[:, :3].numpy())


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (if_positive, "branches on the values"),
        (as_many_as_traced, "one number of samples"),
        (through_numpy, "cannot trace it"),
    ],
)
def test_what_cannot_be_a_graph_is_refused_in_words(
    raw: Callable, function: Callable[[Tensor], Tensor], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    network, *_ = raw(IMAGES, "loss=cross_entropy", model=function)
    with pytest.raises(UserError, match=said) as caught:
        traced(network, (torch.rand(4, 1, 6, 6),))
    assert len(str(caught.value).splitlines()) <= 4
    assert "".join(capfd.readouterr()) == ""


def test_sizes_that_differ_between_the_examples_are_free(raw: Callable) -> None:
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    network, *_ = raw(IMAGES, "loss=cross_entropy", model=model)
    one, other = (torch.rand(4, 1, 6, 6),), (torch.rand(4, 1, 9, 11),)
    assert traced(network, one).inputs["input"].shape == ("batch", 1, 6, 6)
    graph = traced(network, one, other)
    assert graph.inputs["input"].shape == ("batch", 1, "height", "width")
    assert {name: spec.shape for name, spec in graph.outputs.items()} == {
        "output": ("batch", 3), "prediction": ("batch",), "probability": ("batch", 3),
    }  # fmt: skip
    assert graph.outputs["prediction"].dtype == "int64"
    again: Any = graph.program.module()
    torch.testing.assert_close(again(*other)[0], network.named(other)["output"])


def test_pixels_of_masks_are_as_free_as_those_of_images(raw: Callable) -> None:
    network, *_ = raw(Schema("mask", (1, 6, 6), 10, classes=3), "loss=dice", model=nn.Conv2d(1, 3, 3, padding=1))
    graph = traced(network, (torch.rand(2, 1, 6, 6),), (torch.rand(2, 1, 7, 9),))
    assert graph.outputs["output"].shape == ("batch", 3, "height", "width")
    assert graph.outputs["prediction"].shape == ("batch", "height", "width")
