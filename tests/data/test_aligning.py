"""Data in the terms of a checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset

from lossbook.data.aligning import aligned
from lossbook.data.digests import content
from lossbook.data.fitted import FittedData
from lossbook.data.schema import Schema
from lossbook.data.source import Features, Part, Parts
from lossbook.errors import UserError

NAMES = ("cat", "dog", "owl")


def parts(target: Any, schema: Schema, **more: Any) -> Parts:
    part: Part = {"input": torch.arange(len(target) * 2.0).reshape(-1, 2), "target": torch.as_tensor(target)}
    return Parts(schema, part, part, part, **more)


def classes(target: Sequence[int], names: Sequence[str], kind: str = "class", **more: Any) -> Parts:
    alphabet = tuple(names) if kind == "text" else ()
    return parts(target, Schema(kind, (2,), 3, classes=len(names), class_names=tuple(names), alphabet=alphabet), **more)


def known(found: Parts) -> FittedData:
    return FittedData.of(found, content(found), 0)


def test_classes_are_found_by_name() -> None:
    before = known(classes([0, 1, 2], NAMES))
    after = aligned(classes([0, 1, 2, -100], ("owl", "dog", "cat")), before)
    assert after.test["target"].tolist() == [2, 1, 0, -100]  # type: ignore[index]
    assert after.schema.class_names == NAMES


def test_missing_classes_are_said() -> None:
    after = aligned(classes([1, 0], ("cat", "owl")), known(classes([0, 1, 2], NAMES)))
    assert after.test["target"].tolist() == [2, 0]  # type: ignore[index]
    assert after.schema.classes == 3
    assert after.notes == ("this data lacks dog, which the checkpoint knows",)


def test_symbols_of_a_text_are_found_by_name_and_padding_stays() -> None:
    after = aligned(classes([[1, 0], [0, -1]], "ba", "text"), known(classes([[0, 1]], "abc", "text")))
    assert after.test["target"].tolist() == [[0, 1], [1, -1]]  # type: ignore[index]


def test_columns_of_labels_are_found_by_name() -> None:
    before = known(classes([[0, 0, 1]], NAMES, "multilabel"))
    after = aligned(classes([[1, 0, 0], [0, 1, 0]], ("owl", "cat", "dog"), "multilabel"), before)
    assert after.test["target"].tolist() == [[0, 0, 1], [1, 0, 0]]  # type: ignore[index]


def test_masks_are_renumbered_pixel_by_pixel() -> None:
    before = known(classes([[[0, 1], [2, 0]]], NAMES, "mask"))
    after = aligned(classes([[[0, 1], [2, 255]]], ("owl", "cat", "dog"), "mask"), before)
    assert after.test["target"].tolist() == [[[2, 0], [1, 255]]]  # type: ignore[index]


def test_statistics_are_the_checkpoints() -> None:
    schema = Schema("value", (2,), 2, width=1, mean=(500.0,), scale=(100.0,))
    other = replace(schema, mean=(1500.0,), scale=(7.0,))
    after = aligned(parts([[1.0]], other, normalise=((0.1,), (2.0,))), known(parts([[1.0]], schema)))
    assert (after.schema.mean, after.schema.scale, after.normalise) == ((500.0,), (100.0,), None)


class Animals(Dataset[dict[str, Any]]):
    targets = (0, 1)
    digests = np.array([3, 4], np.uint64)

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"input": torch.zeros(2), "target": self.targets[index]}


def test_a_dataset_is_renumbered_as_it_is_read() -> None:
    animals = Animals()
    after = aligned(
        Parts(Schema("class", (2,), 2, classes=2, class_names=("owl", "cat")), animals, animals, animals),
        known(classes([0, 1, 2], NAMES)),
    )
    part: Any = after.test
    assert [int(part[row]["target"]) for row in range(len(part))] == part.targets.tolist() == [2, 0]
    assert part.digests.tolist() == [3, 4]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (classes([0, 1], ("cat", "emu")), "Classes emu."),
        (classes([[0, 1]], ("cat", "dog"), "multilabel"), "targets are of the kind 'multilabel'"),
        (parts([[0.0]], Schema("value", (2,), 1, width=1)), "of the kind 'value'"),
        (parts([0], Schema("class", (2,), 1, classes=2)), "of 2 classes"),
        (parts([0], Schema("class", (3,), 1, classes=3, class_names=NAMES)), "inputs of 3 numbers"),
        (parts([0], Schema("class", (1, 8, 8), 1, classes=3, class_names=NAMES)), "inputs of 1 x 8 x 8"),
        (parts([0], Schema("class", (2,), 1, classes=3, class_names=NAMES, vocabulary=9)), "vocabulary of 9"),
        (classes([0], NAMES, features=Features(("a", "b"), (0, 0), (1, 1))), "columns the checkpoint does not know"),
    ],
)
def test_what_does_not_fit_is_refused(given: Parts, said: str) -> None:
    with pytest.raises(UserError) as caught:
        aligned(given, known(classes([0, 1, 2], NAMES)))
    assert said in str(caught.value)


def test_labels_without_a_column_are_refused() -> None:
    with pytest.raises(UserError, match="without the classes owl"):
        aligned(classes([[0, 1]], ("cat", "dog"), "multilabel"), known(classes([[0, 0, 1]], NAMES, "multilabel")))


def test_images_of_another_size_are_said() -> None:
    image = {"input": torch.zeros(1, 1, 4, 4), "target": torch.zeros(1, dtype=torch.int64)}
    small, large = (Schema("class", (1, side, side), 1, classes=2) for side in (4, 8))
    after = aligned(Parts(small, image, image, image), known(Parts(large, image, image, image)))
    assert after.schema.input_shape == (1, 4, 4)
    assert after.notes == ("inputs are 1 x 4 x 4, those of the checkpoint's training 1 x 8 x 8",)
