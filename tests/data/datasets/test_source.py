"""Any Dataset becomes parts; what cannot be one is refused with the item's number."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import ConcatDataset, Dataset, IterableDataset, Subset, TensorDataset

from lossbook.data.array_reader import ArrayReader
from lossbook.data.datasets.source import OwnDataset
from lossbook.data.digests import content
from lossbook.data.fitted import FittedData
from lossbook.data.images.reader import ImageReader
from lossbook.data.module import DataModule
from lossbook.data.source import PARTS, Parts
from lossbook.errors import UserError
from lossbook.targets.masks import IGNORED


class Items(Dataset[Any]):
    """Items made by a function of their number; counts how often each is read."""

    def __init__(self, make: Callable[[int], Any], count: int = 40, **attributes: Any) -> None:
        self.make, self.count, self.read = make, count, [0] * count
        vars(self).update(attributes)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, row: int) -> Any:
        if not 0 <= row < self.count:
            raise IndexError(row)
        self.read[row] += 1
        return self.make(row)


def vector(row: int) -> torch.Tensor:
    return torch.tensor([float(row), 1.0])


def pixels(row: int, height: int = 6, width: int = 5) -> np.ndarray:
    return np.random.default_rng(row).integers(0, 256, (height, width, 3), dtype=np.uint8)


def numbers(parts: Parts, name: str) -> list[int]:
    """The number of each item of a part of vectors."""
    part = getattr(parts, name)
    return [int(part[place]["input"][0]) for place in range(len(part))]


def refusal(dataset: Any, **options: Any) -> str:
    def read_all() -> None:
        parts = OwnDataset(dataset, **options).load()
        for name in PARTS:
            for place in range(len(getattr(parts, name))):
                getattr(parts, name)[place]

    with pytest.raises(UserError) as caught:
        read_all()
    assert len(str(caught.value).splitlines()) <= 4
    assert all(problem.fix for problem in caught.value.problems), str(caught.value)
    return str(caught.value)


def test_one_dataset_is_split_and_stratified_by_what_it_holds() -> None:
    held = Items(lambda row: (vector(row), row % 2), 40, targets=[row % 2 for row in range(40)])
    parts = OwnDataset(held).load()
    assert sorted(number for name in PARTS for number in numbers(parts, name)) == list(range(40))
    assert [len(getattr(parts, name)) for name in PARTS] == [28, 6, 6]
    assert np.bincount(parts.test.targets).tolist() == [3, 3]
    assert parts.schema.class_counts == (14, 14)
    assert parts.schema.classes == 2
    for name in PARTS:
        part = getattr(parts, name)
        assert [int(part[place]["target"]) for place in range(len(part))] == part.targets.tolist()


def test_what_a_dataset_holds_is_not_read_for_it() -> None:
    held = Items(lambda row: (vector(row), row % 2), 40, targets=torch.arange(40) % 2)
    OwnDataset(held).load()
    assert sum(map(bool, held.read)) == 3  # the first, the middle and the last


def test_a_dataset_that_holds_nothing_is_read_once() -> None:
    plain = Items(lambda row: (vector(row), row % 4), 40)
    parts = OwnDataset(plain).load()
    assert max(plain.read[1:]) == 1
    assert parts.schema.classes == 4
    assert any("read once" in note for note in parts.notes)
    stated = Items(lambda row: (vector(row), row % 4), 40)
    assert OwnDataset(stated, classes=4).load().schema.classes == 4
    assert sum(map(bool, stated.read)) == 1


def test_workers_find_the_same() -> None:
    plain = Items(lambda row: (vector(row), row % 4), 40)
    one, two = OwnDataset(plain).load(), OwnDataset(plain, num_workers=1).load()
    assert [numbers(one, name) for name in PARTS] == [numbers(two, name) for name in PARTS]


def test_targets_that_items_do_not_give_are_not_believed() -> None:
    wrong = Items(lambda row: (vector(row), row % 2), 40, targets=[1 - row % 2 for row in range(40)])
    parts = OwnDataset(wrong).load()
    assert any("holds other targets than its items give" in note for note in parts.notes)
    assert parts.train.targets.tolist() == [number % 2 for number in numbers(parts, "train")]
    moved = Items(lambda row: (vector(row), row % 2), 40, targets=[7] * 40, target_transform=lambda target: target)
    assert OwnDataset(moved).load().schema.classes == 2


def test_given_parts_stay_what_they_are() -> None:
    train, val, test = (Items(lambda row, k=k: (vector(row + 100 * k), row % 2), 20) for k in range(3))
    parts = OwnDataset(train, val, test).load()
    assert [sorted(numbers(parts, name)) for name in PARTS] == [list(range(100 * k, 100 * k + 20)) for k in range(3)]
    without = OwnDataset(train, test=test).load()
    assert [len(getattr(without, name)) for name in PARTS] == [17, 3, 20]
    other = OwnDataset(train, val=val).load()
    assert [len(getattr(other, name)) for name in PARTS] == [17, 20, 3]
    assert sorted(numbers(other, "val")) == list(range(100, 120))
    assert "data.fractions=null" in refusal(train, test=test, fractions=[0.5, 0.25, 0.25])


@pytest.mark.parametrize(
    ("attributes", "names"),
    [
        ({"classes": ["cat", "dog"]}, ("cat", "dog")),
        ({"class_to_idx": {"dog": 1, "cat": 0}, "classes": ["x", "y"]}, ("cat", "dog")),
        ({}, ()),
    ],
)
def test_names_of_classes_come_from_the_dataset(attributes: dict[str, Any], names: tuple[str, ...]) -> None:
    dataset = Items(lambda row: (vector(row), row % 2), 40, targets=[row % 2 for row in range(40)], **attributes)
    assert OwnDataset(dataset).load().schema.class_names == names
    assert OwnDataset(Subset(dataset, range(30))).load().schema.class_names == names
    assert OwnDataset(ConcatDataset([dataset, dataset])).load().schema.class_names == names


def test_classes_may_be_names_or_any_numbers() -> None:
    names = ["dog", "cat", "owl"]
    parts = OwnDataset(Items(lambda row: (vector(row), names[row % 3]), 60)).load()
    assert parts.schema.class_names == ("cat", "dog", "owl")
    for place, number in enumerate(numbers(parts, "train")):
        assert parts.schema.class_names[int(parts.train[place]["target"])] == names[number % 3]
    stated = OwnDataset(Items(lambda row: (vector(row), names[row % 3]), 60), classes=["owl", "dog", "cat"]).load()
    assert stated.schema.class_names == ("owl", "dog", "cat")
    from_one = OwnDataset(Items(lambda row: (vector(row), np.int64(row % 3 + 1)), 60)).load()
    assert from_one.schema.class_names == ("1", "2", "3")
    assert from_one.test[0]["target"] == numbers(from_one, "test")[0] % 3


def test_images_keep_their_size_or_are_resized() -> None:
    images = Items(lambda row: (Image.fromarray(pixels(row)), row % 2))
    parts = OwnDataset(images).load()
    assert parts.schema.input_shape == (3, 6, 5)
    assert isinstance(parts.reader, ImageReader)
    row = int(parts.train.rows[0])
    assert (parts.train[0]["input"].numpy() == pixels(row).transpose(2, 0, 1)).all()
    assert parts.train[0]["input"].dtype == torch.uint8
    arrays = OwnDataset(Items(lambda row: (pixels(row), row % 2))).load()
    assert torch.equal(arrays.train[0]["input"], parts.train[0]["input"])
    greys = OwnDataset(Items(lambda row: (Image.fromarray(pixels(row)[..., 0]), row % 2))).load()
    assert greys.schema.input_shape == (1, 6, 5)
    odd = Items(lambda row: (Image.fromarray(pixels(row, 6 + row % 3)), row % 2))
    assert "data.image_size=64" in refusal(odd)
    resized = OwnDataset(odd, image_size=[4, 8], channels=1).load()
    assert resized.train[0]["input"].shape == (1, 4, 8)
    assert resized.reader == ImageReader(1, (4, 8))


def test_the_reader_reads_what_the_dataset_gave() -> None:
    images = Items(lambda row: (Image.fromarray(pixels(row)), row % 2))
    parts = OwnDataset(images, image_size=4).load()
    assert parts.reader is not None
    read = parts.reader.objects([Image.fromarray(pixels(int(parts.test.rows[0])))])
    assert torch.equal(read.part["input"][0], parts.test[0]["input"])
    changed = Items(lambda row: (Image.fromarray(pixels(row)), row % 2), transform=str)
    assert isinstance(OwnDataset(changed, image_size=4).load().reader, ArrayReader)


def test_channels_are_measured_on_the_training_part() -> None:
    images = Items(lambda row: (pixels(row), row % 2))
    parts = OwnDataset(images, normalise="measured").load()
    levels = np.stack([pixels(int(row)) for row in parts.train.rows]) / 255
    assert parts.normalise is not None
    assert parts.normalise[0] == pytest.approx(levels.mean((0, 1, 2)))
    assert parts.normalise[1] == pytest.approx(levels.std((0, 1, 2)))
    assert "data.normalise=none" in refusal(Items(lambda row: (vector(row), 0)), normalise="imagenet")


@pytest.mark.parametrize(
    ("kind", "make", "width"),
    [
        ("value", lambda row: (vector(row), float(row)), 1),
        ("value", lambda row: (vector(row), [row, 2.5]), 2),
        ("count", lambda row: (vector(row), row), 1),
        ("multilabel", lambda row: (vector(row), [row % 2, 1, True]), None),
        ("distribution", lambda row: (vector(row), np.array([0.25, 0.75])), None),
    ],
)
def test_targets_of_other_kinds(kind: str, make: Callable[[int], Any], width: int | None) -> None:
    parts = OwnDataset(Items(make), target=kind).load()
    assert parts.schema.target == kind
    assert parts.schema.width == width
    if width:
        values = np.array([np.reshape(make(int(row))[1], -1) for row in parts.train.rows], float)
        assert parts.schema.mean == pytest.approx(values.mean(0))
    batch = next(iter(DataModule(parts, 4).train_dataloader()))
    assert len(batch["target"]) == 4


def test_masks_follow_their_images() -> None:
    def make(row: int) -> tuple[Image.Image, Image.Image]:
        mask = np.zeros((8, 12), np.uint8)
        mask[:, 6:] = 3
        mask[0, 0] = 255
        image = np.where(mask[..., None] == 3, 255, 0).astype(np.uint8).repeat(3, 2)
        return Image.fromarray(image), Image.fromarray(mask)

    parts = OwnDataset(Items(make), target="mask", image_size=4).load()
    sample = parts.train[0]
    assert sample["target"].tolist() == [[0, 0, 3, 3]] * 4
    assert (sample["input"][0] > 127).long().mul(3).tolist() == sample["target"].tolist()
    assert parts.schema.classes == 4
    assert parts.schema.class_counts == (28 * 47, 0, 0, 28 * 48)
    assert any("255" in note for note in parts.notes)
    padded = OwnDataset(Items(make), target="mask", image_size=6, resize="pad").load()
    assert padded.train[0]["target"].tolist() == [[IGNORED] * 6, *[[0] * 3 + [3] * 3] * 4, [IGNORED] * 6]
    assert OwnDataset(Items(make), target="mask").load().train[0]["target"][0, 0] == IGNORED
    assert "has a mask with 3" in refusal(Items(make), target="mask", classes=3)
    assert "a class for each" in refusal(
        Items(lambda row: (pixels(row), np.zeros((3, 3), int))), target="mask", classes=2
    )
    assert "map colours" in refusal(
        Items(lambda row: (pixels(row), Image.fromarray(pixels(row)))), target="mask", classes=2
    )


def test_pairs_triplets_and_inputs_alone() -> None:
    pair = OwnDataset(Items(lambda row: (vector(row), vector(row), row % 2)), target="pair").load()
    assert len(pair.train[0]["input"]) == 2
    nested = OwnDataset(Items(lambda row: ((vector(row), vector(row)), row % 2)), target="pair").load()
    assert nested.train[0]["target"] == pair.train[0]["target"]
    triplet = OwnDataset(Items(lambda row: (vector(row),) * 3), target="triplet").load()
    batch = next(iter(DataModule(triplet, 4).train_dataloader()))
    assert [one.shape for one in batch["input"]] == [(4, 2)] * 3
    assert "target" not in OwnDataset(Items(vector), target="none").load().train[0]
    assert "has 2 parts" in refusal(Items(lambda row: (vector(row), 1)), target="pair")


def test_items_may_be_dicts_with_weights() -> None:
    make = Items(lambda row: {"pixels": vector(row), "label": row % 2, "weight": 2})
    parts = OwnDataset(make, input_key="pixels", target_key="label").load()
    assert parts.train[0]["weight"] == 2.0
    assert "data.input_key=KEY" in refusal(make)


def test_a_tensor_dataset_is_taken_as_it_is() -> None:
    parts = OwnDataset(TensorDataset(torch.randn(50, 1, 4, 4), torch.arange(50) % 5)).load()
    assert parts.schema.input_shape == (1, 4, 4)
    assert parts.schema.class_counts == (7,) * 5
    assert parts.reader == ArrayReader((1, 4, 4))


class Stream(IterableDataset[Any]):
    def __iter__(self) -> Any:
        yield vector(0), 0


def broken(row: int) -> Any:
    if row == 7:
        raise KeyError("no such picture")
    return vector(row), row % 2


@pytest.mark.parametrize(
    ("dataset", "options", "said"),
    [
        (Stream(), {}, "a stream that fits in memory"),
        (Items(lambda row: (vector(row), 0), 0), {}, "is empty"),
        (Items(broken), {}, "Item 7 of .*Items cannot be read\n  KeyError: 'no such picture' .test_source.py:"),
        (Items(lambda row: (torch.zeros(2 + (row == 9)), row % 2)), {}, r"Item 9 .* has shape \(3,\)"),
        (Items(lambda row: (torch.tensor([torch.nan]), 0)), {}, "Item 0 .*holds inf or nan"),
        (Items(lambda row: ("text", 0)), {}, "Item 0 .* is a str"),
        (Items(lambda row: (vector(row), 0.5)), {}, "(?s)has the target 0.5.*data.target=value"),
        (Items(lambda row: (vector(row), torch.zeros(3))), {}, "data.target=multilabel"),
        (Items(lambda row: (vector(row), row % 3)), {"classes": 2}, "(?s)Item 2 .* target 2.*2 classes are 0, 1"),
        (Items(lambda row: (vector(row), "cta")), {"classes": ["cat", "dog"]}, r"cat\?"),
        (Items(lambda row: (vector(row), row - 3)), {"target": "count"}, "A count is a whole number"),
        (Items(lambda row: (vector(row), [1, 2])), {"target": "multilabel"}, "vector of 0"),
        (Items(lambda row: (vector(row), [0] * (2 + row % 2))), {"target": "multilabel"}, "target of 3 numbers"),
        (Items(lambda row: (vector(row), [1, 0])), {"target": "multilabel", "classes": 3}, "data.classes=2"),
        (Items(lambda row: (vector(row), 1e60)), {"target": "value"}, "finite, also as float32"),
        (Items(lambda row: (vector(row), "a")), {"target": "value"}, "target of type str"),
        (Items(lambda row: (vector(row), 1)), {"target": "text"}, "data.target=text"),
        (Items(lambda row: (vector(row), 1)), {"target": "clas"}, "data.target=class"),
        (Items(lambda row: (vector(row), 1)), {"resize": "pad"}, "no effect"),
        (Items(lambda row: (vector(row), 1)), {"channels": 3}, "data.channels=null"),
        (Items(lambda row: (vector(row), 1)), {"image_size": 4}, "has shape"),
        (Items(lambda row: (vector(row) if row else pixels(0), 1)), {}, "has shape"),
        (Items(lambda row: (torch.zeros(3, 2, 2).to(torch.float if row == 3 else torch.uint8), 1)), {}, "is float32"),
        (Items(lambda row: (vector(row),)), {}, "has 1 parts"),
        (Items(lambda row: (vector(row), None)), {}, "data.target=none"),
        (Items(lambda row: (np.array([{}]), 0)), {}, "no array of numbers, but array of object"),
        (Items(lambda row: (vector(row).to_sparse(), 0)), {}, "is of type sparse_coo float32"),
        (Items(lambda row: {"input": vector(row), "target": 0, "weight": -1}), {}, "has the weight -1"),
        (Items(lambda row: (vector(row), 1)), {"target": "value", "classes": 3}, "no effect"),
    ],
)  # fmt: skip
def test_what_breaks_a_rule_is_refused(dataset: Any, options: dict[str, Any], said: str) -> None:
    message = refusal(dataset, **options)
    assert re.search(said, message), message


def fitted(parts: Parts) -> FittedData:
    return FittedData.read(FittedData.of(parts, content(parts), 0).state())


def test_a_checkpoint_finds_its_parts_again_and_refuses_another_length() -> None:
    parts = OwnDataset(Items(lambda row: (vector(row), row % 3 + 1), 60)).load()
    again = OwnDataset(Items(lambda row: (vector(row), row % 3 + 1), 60)).load_known(fitted(parts), False)
    assert [numbers(again, name) for name in PARTS] == [numbers(parts, name) for name in PARTS]
    longer = OwnDataset(Items(lambda row: (vector(row), row % 3 + 1), 61))
    with pytest.raises(UserError, match=r"61 items; it had 60(?s:.)*data.test of data=dataset"):
        longer.load_known(fitted(parts), True)


def test_a_new_test_set_is_read_in_the_classes_of_the_checkpoint() -> None:
    known = fitted(OwnDataset(Items(lambda row: (vector(row), row % 3 + 1), 60)).load())
    test = Items(lambda row: (vector(row), 3), 5)
    parts = OwnDataset(Items(broken), test=test).load_known(known, True)
    assert [len(getattr(parts, name)) for name in PARTS] == [0, 0, 5]
    assert parts.schema.class_names == ("1", "2", "3")
    assert parts.test[0]["target"] == 2


def test_items_of_a_limit_keep_their_statistics() -> None:
    parts = OwnDataset(Items(lambda row: (vector(row), float(row))), target="value").load()
    data = DataModule(parts, 4, limit=8)
    assert data.schema.mean == pytest.approx([np.mean([float(row) for row in parts.train.rows[:8]])])
    assert replace(data.schema, mean=(), scale=()).width == 1
