from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset

from lossbook.data.reader import NewInputs
from lossbook.errors import UserError, refuse
from lossbook.prediction.batches import run
from lossbook.prediction.network import Network
from lossbook.targets.encoding import Prediction


class Limited:
    """A stand-in for a network on a machine whose memory holds a few samples; it doubles its inputs."""

    def __init__(self, most: int, error: Exception) -> None:
        self.most, self.error = most, error
        self.fitted = SimpleNamespace(schema=SimpleNamespace(input_shape=(2,)))
        encoding = SimpleNamespace(role="target")
        self.heads = {"": SimpleNamespace(encoding=encoding, predict=lambda output, *_: Prediction(output))}
        self.thresholds: dict[str, Tensor] = {}
        self.sizes: list[int] = []

    def outputs(self, batch: Mapping[str, Any]) -> Mapping[str, tuple[Tensor, Tensor | None]]:
        self.sizes.append(len(batch["input"]))
        if len(batch["input"]) > self.most:
            raise self.error
        return {"": (batch["input"] * 2, None)}


def limited(most: int, error: Exception | None = None) -> tuple[Limited, Network]:
    made = Limited(most, error or RuntimeError("no more"))
    return made, cast(Network, made)


def inputs(samples: int) -> NewInputs:
    return NewInputs([str(place) for place in range(samples)], {"input": torch.arange(samples * 2.0).view(-1, 2)})


ERRORS = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:126] . DefaultCPUAllocator: can't allocate memory: you tried to"),
    RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 4 bytes."),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    MemoryError(),
]


@pytest.mark.parametrize("error", ERRORS, ids=range(5))
def test_a_batch_that_does_not_fit_is_halved_and_tried_again(error: Exception) -> None:
    stand_in, network = limited(3, error)
    given = inputs(21)
    chunks = [*run(network, given, 16)]
    assert [place for chunk in chunks for place in chunk.places] == [*range(21)]
    joined = torch.cat([chunk.predictions[""].decision for chunk in chunks])
    assert torch.equal(joined, cast(Any, given.part)["input"] * 2)
    assert stand_in.sizes[:4] == [16, 8, 4, 2]
    assert max(stand_in.sizes[4:]) == 2  # it is not tried again


def test_one_sample_that_does_not_fit_is_refused() -> None:
    with pytest.raises(UserError, match="One sample does not fit"):
        [*run(limited(0, ERRORS[0])[1], inputs(3), 2)]


def test_other_errors_are_raised() -> None:
    with pytest.raises(RuntimeError, match="shapes"):
        [*run(limited(0, RuntimeError("shapes cannot be multiplied"))[1], inputs(3), 2)]


def test_inputs_of_another_shape_are_refused() -> None:
    with pytest.raises(UserError, match=r"inputs of shape \(3,\)[\s\S]*\(2,\)"):
        [*run(limited(9)[1], NewInputs(["a"], {"input": torch.zeros(1, 3)}), 2)]


class Files(Dataset[dict[str, Any]]):
    """Of which every third is broken."""

    def __len__(self) -> int:
        return 8

    def __getitem__(self, place: int) -> dict[str, Any]:
        if place % 3 == 0:
            raise refuse(f"{place}.png is broken.", "It must be whole.")
        return {"input": torch.full((2,), float(place))}


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_broken_samples_are_told_and_the_others_predicted(workers: int) -> None:
    given = NewInputs([f"{place}.png" for place in range(8)], Files())
    chunks = [*run(limited(9)[1], given, 4, workers)]
    assert [place for chunk in chunks for place in chunk.places] == [1, 2, 4, 5, 7]
    assert [place for chunk in chunks for place, _ in chunk.bad] == [0, 3, 6]
    assert chunks[0].bad[0][1].given == "0.png is broken."
    assert [*run(limited(9)[1], NewInputs([], {"input": torch.zeros(0, 2)}), 4)] == []
