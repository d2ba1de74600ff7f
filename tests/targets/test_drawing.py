from __future__ import annotations

import torch

from lossbook.data.schema import Schema
from lossbook.targets import KINDS
from lossbook.targets.encoding import Prediction


def titles(figure) -> list[tuple[str, str]]:
    return [(axes.get_title(), axes.title.get_color()) for axes in figure.axes]


def test_a_wrong_class_is_said_and_red() -> None:
    schema = Schema("class", (1, 4, 4), 3, classes=2, class_names=("cat", "dog"))
    batch = {"input": torch.rand(3, 1, 4, 4), "target": torch.tensor([0, 1, -100])}
    figure = KINDS["class"].picture(batch, Prediction(torch.tensor([0, 0, 1])), schema)
    assert titles(figure) == [("cat", "#222222"), ("cat, not dog", "#D55E00"), ("dog, not -100", "#D55E00")]


def test_labels_and_texts() -> None:
    schema = Schema("multilabel", (3, 4, 4), 2, classes=3, class_names=("a", "b", "c"))
    batch = {"input": torch.zeros(2, 3, 4, 4), "target": torch.tensor([[1.0, 0, 1], [0, 0, 0]])}
    figure = KINDS["multilabel"].picture(batch, Prediction(torch.tensor([[1, 0, 1], [0, 1, 0]])), schema)
    assert [title for title, _ in titles(figure)] == ["a c", "b, not none"]
    schema = Schema("text", (1, 4, 8), 2, classes=2, alphabet=("x", "$"))
    batch = {"input": torch.rand(2, 1, 4, 8), "target": torch.tensor([[0, 1], [1, -1]])}
    figure = KINDS["text"].picture(batch, Prediction(torch.tensor([[0, 1], [-1, -1]])), schema)
    assert [title for title, _ in titles(figure)] == ["x$", "nothing, not $"]


def test_values_and_what_is_no_image() -> None:
    schema = Schema("value", (5,), 2, width=2, column_names=("height", "weight"))
    batch = {"input": torch.rand(2, 5), "target": torch.tensor([[1.0, 2], [3, 4]])}
    figure = KINDS["value"].picture(batch, Prediction(batch["target"] + 1), schema)
    assert [axes.get_xlabel() for axes in figure.axes] == ["true height", "true weight"]
    assert figure.axes[0].collections[0].get_offsets().tolist() == [[1, 2], [3, 4]]
    rows = {"input": torch.rand(2, 5), "target": torch.tensor([0, 1])}
    schema = Schema("class", (5,), 2, classes=2)
    assert KINDS["class"].picture(rows, Prediction(torch.tensor([0, 1])), schema) is None
    assert KINDS["triplet"].picture(rows, Prediction(torch.rand(2, 3)), schema) is None


def test_a_row_for_each_mask() -> None:
    schema = Schema("mask", (1, 4, 4), 2, classes=3)
    batch = {"input": torch.rand(2, 1, 4, 4), "target": torch.randint(3, (2, 4, 4))}
    figure = KINDS["mask"].picture(batch, Prediction(batch["target"]), schema)
    assert [axes.get_title() for axes in figure.axes] == ["input", "target", "prediction", "", "", ""]
    assert (figure.axes[1].images[0].get_array() == batch["target"][0].numpy()).all()
