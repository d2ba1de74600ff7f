from __future__ import annotations

import numpy as np
import torch
from sklearn.datasets import load_digits

from lossbook.data.digits import Digits, as_input, handwriting


def test_parts_hold_every_digit_once_with_its_label() -> None:
    parts = Digits(seed=3).load()
    expected = {
        (image.tobytes(), label) for image, label in zip(load_digits().images, load_digits().target, strict=True)
    }
    found = set()
    for part in (parts.train, parts.val, parts.test):
        images = (part["input"] * 16).squeeze(1).double().numpy()
        found |= {(image.tobytes(), int(label)) for image, label in zip(images, part["target"], strict=True)}
    assert found == expected
    assert [len(part["target"]) for part in (parts.train, parts.val, parts.test)] == [1258, 269, 270]


def test_schema_describes_the_training_part() -> None:
    parts = Digits().load()
    assert parts.schema.input_shape == tuple(parts.train["input"].shape[1:]) == (1, 8, 8)
    assert parts.schema.samples == sum(parts.schema.class_counts) == 1258
    assert parts.schema.class_counts == tuple(np.bincount(parts.train["target"]).tolist())
    assert parts.schema.class_names[7] == "7"


def test_seed_moves_the_split() -> None:
    assert not np.array_equal(handwriting(0)["test"].labels, handwriting(1)["test"].labels)


def test_levels_become_fractions() -> None:
    assert torch.equal(as_input(np.array([[[0, 4, 16]]], np.uint8)), torch.tensor([[[[0, 0.25, 1]]]]))


def test_digits_brought_later_are_read_as_these() -> None:
    parts = Digits().load()
    inputs = parts.test["input"]  # type: ignore[index]
    assert parts.reader is not None
    for given in (inputs, inputs[:, 0].numpy()[..., None], [one[0].numpy() for one in inputs]):
        found = parts.reader.objects(given)
        assert len(found.names) == len(inputs)
        assert torch.equal(found.part["input"], inputs)  # type: ignore[index]
    wide = parts.reader.objects(np.ones((4, 8))).part["input"][0, 0]  # type: ignore[index]
    assert wide.sum(1).tolist() == [0, 0, 8, 8, 8, 8, 0, 0]
