"""How predictions of each kind are written down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from lossbook.data.schema import Schema
from lossbook.targets import KINDS
from lossbook.targets.drawing import palette_image
from lossbook.targets.embeddings import embedding_rows
from lossbook.targets.encoding import Prediction


def columns(kind: str, schema: Schema, prediction: Prediction, most: int | None = None) -> dict[str, Any]:
    return {name: list(cells) for name, cells in KINDS[kind].rows(prediction, schema, most).columns.items()}


def test_classes_by_name_or_number(schema: Callable[..., Schema]) -> None:
    share = torch.tensor([[0.2, 0.5, 0.3], [0.625, 0.125, 0.25]])
    prediction = Prediction(torch.tensor([1, 0]), share, torch.tensor([0.5, 0.625]))
    named = schema("class", class_names=("a", "b c", "d,e"))
    assert columns("class", named, prediction) == {
        "prediction": ["b c", "a"],
        "confidence": pytest.approx([0.5, 0.625]),
        "p_a": pytest.approx([0.2, 0.625]),
        "p_b c": pytest.approx([0.5, 0.125]),
        "p_d,e": pytest.approx([0.3, 0.25]),
    }
    first = columns("class", named, prediction, 2)
    assert [*first] == ["prediction", "confidence", "top_1", "p_top_1", "top_2", "p_top_2"]
    assert first["top_2"] == ["d,e", "d,e"]
    assert columns("class", schema("class"), Prediction(torch.tensor([2]))) == {"prediction": ["2"]}


def test_labels_are_joined_by_a_blank(schema: Callable[..., Schema]) -> None:
    labels = torch.tensor([[1, 0, 1, 0], [0, 0, 0, 0]])
    found = columns("multilabel", schema("multilabel"), Prediction(labels, labels * 0.75))
    assert found["prediction"] == ["0 2", ""]
    assert found["p_2"] == [0.75, 0]


def test_values_have_a_column_each(schema: Callable[..., Schema]) -> None:
    one = Prediction(torch.tensor([[1.5], [2.5]]))
    assert columns("value", schema("value"), one) == {"prediction": [1.5, 2.5]}
    two = Prediction(torch.tensor([[1.5, 3.0]]))
    assert columns("count", schema("count", width=2), two) == {"prediction_1": [1.5], "prediction_2": [3]}
    named = schema("value", width=2, column_names=("x", "y z"))
    assert columns("value", named, two) == {"prediction_x": [1.5], "prediction_y z": [3]}


def test_texts_are_read(schema: Callable[..., Schema]) -> None:
    read = Prediction(torch.tensor([[0, 2, -1], [-1, -1, -1]]), None, torch.tensor([0.5, 1.0]))
    assert columns("text", schema("text"), read) == {"prediction": ["ac", ""], "confidence": [0.5, 1]}


def test_masks_are_pictures_of_class_indices(schema: Callable[..., Schema]) -> None:
    masks = torch.tensor([[[0, 1], [2, 1]]])
    share = torch.full((1, 3, 2, 2), 0.5)
    rows = KINDS["mask"].rows(Prediction(masks, share, share[:, 0]), schema("mask"))
    assert list(rows.columns["confidence"]) == [0.5]
    assert (np.asarray(rows.images[0]) == masks[0].numpy()).all()


def test_the_palette_is_that_of_pascal_voc() -> None:
    colours = np.reshape(palette_image(np.zeros((1, 1), np.int64)).getpalette(), (256, 3)).tolist()
    # VOC2012 development kit, labelcolormap: background, aeroplane, bicycle, bird, tv monitor, void
    assert [colours[index] for index in (0, 1, 2, 3, 20, 255)] == [
        [0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0], [0, 64, 128], [224, 224, 192],
    ]  # fmt: skip
    deep = np.array([[0, 300]])
    assert (np.asarray(palette_image(deep)) == deep).all()


def test_embeddings_are_vectors() -> None:
    rows = embedding_rows(torch.ones(2, 3))
    assert rows.vectors
    assert rows.values.shape == (2, 3)
    assert rows.columns == {}
