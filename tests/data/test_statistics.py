from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils.data import Dataset

from lossbook.data.schema import Schema
from lossbook.data.statistics import describe


def test_class_counts_name_classes_that_do_not_occur() -> None:
    train = {"input": torch.zeros(3, 1), "target": torch.tensor([0, 2, 2])}
    assert describe(Schema("class", (1,), 0, classes=4), train).class_counts == (1, 0, 2, 0)


def test_mask_counts_are_of_pixels_and_label_counts_of_samples() -> None:
    mask = {"input": torch.zeros(1, 1, 2, 2), "target": torch.tensor([[[0, 1], [1, 1]]])}
    assert describe(Schema("mask", (1, 2, 2), 0, classes=2), mask).class_counts == (1, 3)
    labels = {"input": torch.zeros(2, 1), "target": torch.tensor([[1.0, 0.0], [1.0, 1.0]])}
    assert describe(Schema("multilabel", (1,), 0, classes=2), labels).class_counts == (2, 1)


@pytest.mark.parametrize("kind", ["class", "mask"])
def test_indices_that_are_no_class_are_left_to_the_check_of_the_targets(kind: str) -> None:
    target = torch.tensor([0, -100, 2, 255, -1, 2])
    train = {"input": torch.zeros(6, 1), "target": target if kind == "class" else target.reshape(1, 2, 3)}
    assert describe(Schema(kind, (1,), 0, classes=3), train).class_counts == (1, 0, 2)


def test_targets_of_a_dataset_may_be_a_list() -> None:
    class Letters(Dataset[dict[str, Any]]):
        def __init__(self) -> None:
            self.targets = [1, 0, 1, -100]

        def __len__(self) -> int:
            return 4

        def __getitem__(self, index: int) -> dict[str, Any]:
            return {"input": torch.zeros(1), "target": self.targets[index]}

    schema = describe(Schema("class", (1,), 0, classes=3), Letters())
    assert (schema.samples, schema.class_counts) == (4, (1, 2, 0))
    assert describe(Schema("value", (1,), 0, width=1), Letters()).class_counts == ()


@pytest.mark.parametrize("kind", ["value", "count", "multilabel"])
def test_a_target_without_columns_is_left_to_the_check_of_the_targets(kind: str) -> None:
    train = {"input": torch.zeros(3, 1), "target": torch.tensor([0.0, 1.0, 1.0])}
    schema = describe(Schema(kind, (1,), 0, width=1, classes=1), train)
    assert (schema.class_counts or schema.mean) == pytest.approx((2,) if kind == "multilabel" else (2 / 3,))


def test_data_without_targets_have_only_a_size() -> None:
    schema = describe(Schema("triplet", (1,), 0), {"input": (torch.zeros(5, 1),) * 3})
    assert (schema.samples, schema.class_counts, schema.mean) == (5, (), ())
