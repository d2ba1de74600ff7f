"""What an exported network computes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from lossbook.data.preparing import Preparing
from lossbook.data.schema import Schema
from lossbook.errors import UserError
from lossbook.export.network import RawNetwork, embeds

MULTI = Schema.of_several(
    {
        "digit": Schema("class", (2,), 10, classes=3),
        "size": Schema("value", (2,), 10, width=1, mean=(5.0,), scale=(2.0,)),
    }
)


def test_a_class_gets_scores_the_class_and_probabilities(raw: Callable, schema: Callable) -> None:
    network, *_ = raw(schema("class"), "loss=cross_entropy")
    inputs = torch.randn(4, 2)
    found = network.named((inputs,))
    scores = network.networks["model"](inputs)
    assert list(found) == ["output", "prediction", "probability"] == list(network.outputs)
    torch.testing.assert_close(found["output"], scores)
    torch.testing.assert_close(found["probability"], scores.softmax(1))
    assert found["prediction"].tolist() == scores.argmax(1).tolist()


def test_values_are_in_original_units(raw: Callable, schema: Callable) -> None:
    network, *_ = raw(schema("value"), "loss=mse")  # mean 100, scale 20
    found = network.named((torch.randn(4, 2),))
    torch.testing.assert_close(found["prediction"], found["output"] * 20 + 100)
    assert "probability" not in found


def test_inputs_are_normalised_as_in_training(raw: Callable, schema: Callable) -> None:
    data = Schema("class", (2, 4, 4), 10, classes=3)
    normalise = ((0.2, 0.4), (0.5, 0.25))
    network, *_ = raw(data, "loss=cross_entropy", model=lambda images: images.flatten(1)[:, :3], normalise=normalise)
    images = torch.randint(256, (3, 2, 4, 4), dtype=torch.uint8)
    prepared = Preparing(normalise).plain({"input": images})["input"]
    torch.testing.assert_close(network.named((images / 255,))["output"], prepared.flatten(1)[:, :3])


def test_names_of_heads_stand_before_those_of_outputs(raw: Callable) -> None:
    terms = "loss.terms={digit: {loss: cross_entropy}, size: {loss: mse}}"
    network, *_ = raw(MULTI, "loss=sum", "data=scene_targets", terms)
    found = network.named((torch.randn(3, 2),))
    assert list(found) == ["digit_output", "digit_prediction", "digit_probability", "size_output", "size_prediction"]
    torch.testing.assert_close(found["size_prediction"], found["size_output"] * 2 + 5)


@pytest.mark.parametrize(("loss", "kind"), [("triplet_margin", "class"), ("cosine_embedding", "pair")])
def test_an_embedding_is_all_that_one_input_has(raw: Callable, schema: Callable, loss: str, kind: str) -> None:
    network, _, heads = raw(schema(kind), f"loss={loss}", embedding_dim=2, thresholds={"verification": 0.5})
    found = network.named((torch.randn(3, 2),))
    assert found["prediction"].shape == (3, 2)
    assert embeds(heads[""][1])


def test_the_threshold_of_validation_decides(raw: Callable, schema: Callable) -> None:
    network, *_ = raw(
        schema("multilabel"), "loss=multilabel_margin", "data=scene_labels", model=nn.Linear(2, 4),
        thresholds={"f1": 0.25},
    )  # fmt: skip
    found = network.named((torch.randn(5, 2),))
    assert found["prediction"].tolist() == (found["output"] > 0.25).long().tolist()


def test_decisions_follow_from_outputs(raw: Callable, schema: Callable) -> None:
    network, *_ = raw(schema("class"), "loss=cross_entropy")
    said = network.decided({"output": torch.tensor([[0.0, 3.0, 1.0]])})
    assert said["prediction"].tolist() == [1]


def test_sizes_that_a_network_does_not_take(raw: Callable, schema: Callable) -> None:
    network, *_ = raw(schema("class"), "loss=cross_entropy")
    assert network.takes((torch.zeros(1, 2),))
    assert not network.takes((torch.zeros(1, 3),))


def test_a_task_without_outputs_is_refused(raw: Callable, schema: Callable) -> None:
    _, fitted, _ = raw(schema("class"), "loss=cross_entropy")
    with pytest.raises(UserError, match="outputs"):
        RawNetwork(object(), fitted)  # type: ignore[arg-type]
