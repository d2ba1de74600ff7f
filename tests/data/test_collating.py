"""Batches of samples whose targets differ in size, and a dataset's own way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, tensor
from torch.utils.data import Dataset, default_collate

from lossbook.data.collating import Collate
from lossbook.data.module import DataModule
from lossbook.data.schema import Schema
from lossbook.data.source import Parts

TEXTS = [[0, 2], [1], [2, 2, 0, 1], [1], [0, 1], []]


class Lines(Dataset[dict[str, Any]]):
    def __init__(self, texts: list[list[int]] = TEXTS) -> None:
        self.texts = texts

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, i: int) -> dict[str, Any]:
        return {"input": torch.full((2,), float(i)), "target": tensor(self.texts[i], dtype=torch.int64)}


class Framed(Lines):
    """Brings a collate of its own, for inputs that differ."""

    def __getitem__(self, i: int) -> dict[str, Any]:
        return {**super().__getitem__(i), "input": torch.ones(i + 1)}

    def collate(self, samples: list[dict[str, Any]]) -> dict[str, Any]:
        width = max(len(sample["input"]) for sample in samples)
        inputs = [torch.nn.functional.pad(sample["input"], (0, width - len(sample["input"]))) for sample in samples]
        rest = Collate(Schema("text", (2,), 6, classes=3))([{**sample, "input": 0} for sample in samples])
        return {**rest, "input": torch.stack(inputs)}


def samples(*numbers: int, **more: Any) -> list[dict[str, Any]]:
    return [{**Lines()[i], **{key: tensor(value) for key, value in more.items()}} for i in numbers]


def test_ragged_texts_are_padded(schema: Callable[..., Schema]) -> None:
    batch = Collate(schema("text"))(samples(0, 1, 2, 5))
    assert batch["target"].tolist() == [[0, 2, -1, -1], [1, -1, -1, -1], [2, 2, 0, 1], [-1, -1, -1, -1]]
    assert batch["target_lengths"].tolist() == [2, 1, 4, 0]
    assert batch["input"].tolist() == [[0, 0], [1, 1], [2, 2], [5, 5]]


@pytest.mark.parametrize("numbers", [(2,), (1, 3), (0, 4)])
def test_texts_that_agree_in_size_by_chance_have_lengths_as_well(
    schema: Callable[..., Schema], numbers: tuple[int, ...]
) -> None:
    batch = Collate(schema("text"))(samples(*numbers))
    assert batch["target"].tolist() == [TEXTS[i] for i in numbers]
    assert batch["target_lengths"].tolist() == [len(TEXTS[i]) for i in numbers]


@pytest.mark.parametrize("numbers", [(0, 2), (0, 4)])
def test_lengths_that_samples_state_are_kept(schema: Callable[..., Schema], numbers: tuple[int, ...]) -> None:
    assert Collate(schema("text"))(samples(*numbers, target_lengths=1))["target_lengths"].tolist() == [1, 1]


def test_of_several_targets_each_is_collated_by_its_kind(schema: Callable[..., Schema]) -> None:
    both = Schema.of_several({"line": schema("text"), "size": schema("class")})
    rows = [{"input": tensor(0.0), "line": Lines()[i]["target"], "size": tensor(i)} for i in (0, 1)]
    batch = Collate(both)(rows)
    assert batch["line"].tolist() == [[0, 2], [1, -1]]
    assert batch["line_lengths"].tolist() == [2, 1]
    assert batch["size"].tolist() == [0, 1]


def test_all_else_is_stacked_as_torch_does(schema: Callable[..., Schema]) -> None:
    rows = [{"input": (torch.ones(2), torch.zeros(2)), "target": i} for i in range(3)]
    found, wanted = Collate(schema("class"))(rows), default_collate(rows)
    assert torch.equal(found["target"], wanted["target"])
    assert all(torch.equal(one, other) for one, other in zip(found["input"], wanted["input"], strict=True))


def first_batch(part: Lines, **options: Any) -> dict[str, Any]:
    schema = Schema("text", (2,), len(part), classes=3, alphabet=("a", "b", "c"))
    data = DataModule(Parts(schema, part, part, part), 3, 0, **options)
    batch: dict[str, Any] = next(iter(data.val_dataloader()))
    return batch


@pytest.mark.parametrize("limit", [None, 3])
def test_a_datasets_own_collate_wins(limit: int | None) -> None:
    batch = first_batch(Framed(), limit=limit)
    found: Tensor = batch["input"]
    assert found.tolist() == [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
    assert batch["target_lengths"].tolist() == [2, 1, 4]


@pytest.mark.parametrize("limit", [None, 3])
def test_loaders_pad(limit: int | None) -> None:
    batch = first_batch(Lines(), limit=limit)
    assert batch["target"].tolist() == [[0, 2, -1, -1], [1, -1, -1, -1], [2, 2, 0, 1]]
    assert batch["target_lengths"].tolist() == [2, 1, 4]
