from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Optional, Union

import pytest
import torch
from torch import Tensor, nn

from lossbook.annotations import fit, named, parameters_of
from lossbook.errors import UserError

TENSORS = [
    Tensor,
    Optional[Tensor],  # noqa: UP045
    Tensor | None,
    "Tensor",
    "Optional[Tensor]",
    "torch.Tensor | None",
    "Union[Tensor, None]",
]
OTHERS = [
    list[float],
    Sequence[float] | Tensor,
    "Union[Tensor, Sequence[float]]",
    list[Tensor],
    dict[str, Tensor],
    None,
]
CALLABLES = [Callable[[Tensor, Tensor], Tensor], "Optional[Callable[[Tensor, Tensor], Tensor]]"]


@pytest.mark.parametrize("annotation", TENSORS)
def test_a_list_or_number_becomes_the_tensor_that_is_asked_for(annotation: Any) -> None:
    assert torch.equal(fit([1, 2], annotation, "weight"), torch.tensor([1.0, 2.0]))
    assert torch.equal(fit(3, annotation, "weight"), torch.tensor(3.0))
    assert fit([True], annotation, "weight").dtype == torch.bool
    assert fit(None, annotation, "weight") is None
    assert fit("auto", annotation, "weight") == "auto"


@pytest.mark.parametrize("annotation", OTHERS + CALLABLES)
def test_a_list_stays_one_where_the_annotation_says_otherwise(annotation: Any) -> None:
    assert fit([1, 2], annotation, "weight") == [1, 2]


@pytest.mark.parametrize("annotation", [float | Tensor, Union[float, Tensor], "Union[float, Tensor]", bool, int])  # noqa: UP007
def test_a_number_stays_one_where_it_may(annotation: Any) -> None:
    assert type(fit(1, annotation, "lr")) is int


@pytest.mark.parametrize("annotation", [tuple[float, float], "tuple[float, float]", int | tuple[int, int]])
def test_a_list_becomes_the_tuple_that_is_asked_for(annotation: Any) -> None:
    assert fit([1, 2], annotation, "betas") == (1, 2)


@pytest.mark.parametrize("weight", [["a"], [[1, 2], [3]], [{}]])
def test_a_list_that_is_no_tensor_is_refused(weight: list[Any]) -> None:
    with pytest.raises(UserError, match=r"loss\.criterion\.weight="):
        fit(weight, Optional[Tensor], "loss.criterion.weight")  # noqa: UP045


def test_torchs_own_annotations_are_read() -> None:
    parameters = parameters_of(nn.BCEWithLogitsLoss)
    assert parameters is not None
    assert fit([1], parameters["pos_weight"].annotation, "pos_weight").shape == (1,)
    assert named(parameters) == ["weight", "size_average", "reduce", "reduction", "pos_weight"]


def test_what_takes_anything_has_no_names() -> None:
    assert named(parameters_of(lambda *values, **options: None) or {}) == []
