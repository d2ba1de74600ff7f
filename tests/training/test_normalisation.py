"""The statistics that pretrained weights expect reach the data, its checkpoints, and the user."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lossbook.data.fitted import FittedData
from lossbook.data.module import DataModule
from lossbook.data.schema import Schema
from lossbook.data.source import Normalise, Parts
from lossbook.training.normalisation import normalise_as_pretrained

HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
VARIED = ((0.3, 0.5, 0.7), (0.1, 0.2, 0.3))
OWN = ((0.4, 0.4, 0.4), (0.2, 0.2, 0.2))


def arranged(
    wanted: Normalise | None, node: dict, own: Normalise | None, channels: int = 3
) -> tuple[Normalise | None, torch.Tensor, list[str]]:
    part = {"input": torch.full((2, channels, 2, 2), 255, dtype=torch.uint8), "target": torch.tensor([0, 1])}
    parts = Parts(Schema("class", (channels, 2, 2), 2, classes=2), part, part, part, own)
    data = DataModule(parts, "all")
    model = nn.Identity()
    model.pretrained_normalise = wanted  # type: ignore[assignment]
    fitted, notes = normalise_as_pretrained(model, node, data, FittedData.of(parts, {}, 0))
    return fitted.normalise, data.few(1)["input"][0, :, 0, 0], notes


@pytest.mark.parametrize("node", [{}, {"normalise": "imagenet"}, {"normalise": None}])
def test_the_data_is_normalised_as_the_weights_expect(node: dict) -> None:
    fitted, white, (note,) = arranged(VARIED, node, OWN)
    assert fitted == VARIED
    torch.testing.assert_close(white, torch.tensor([7.0, 2.5, 1.0]))
    assert "mean 0.3 0.5 0.7, standard deviation 0.1 0.2 0.3" in note


def test_for_one_channel_they_are_averaged() -> None:
    fitted, white, _ = arranged(VARIED, {}, ((0.1,), (0.3,)), 1)
    assert fitted == ((pytest.approx(0.5),), (pytest.approx(0.2),))
    torch.testing.assert_close(white, torch.tensor([2.5]))


@pytest.mark.parametrize(
    ("node", "own", "channels"),
    [
        ({"normalise": [[0.4, 0.4, 0.4], [0.2, 0.2, 0.2]]}, OWN, 3),
        ({"normalise": "measured"}, OWN, 3),
        ({}, None, 3),
        ({}, ((0.4,) * 5, (0.2,) * 5), 5),
    ],
)
def test_what_the_user_has_chosen_stays_with_a_note(node: dict, own: Normalise | None, channels: int) -> None:
    fitted, _, (note,) = arranged(HALF, node, own, channels)
    assert fitted == own
    assert "expect mean 0.5 0.5 0.5" in note


def test_nothing_is_said_where_nothing_changes() -> None:
    assert arranged(OWN, {}, OWN)[::2] == (OWN, [])
    assert arranged(None, {}, OWN)[::2] == (OWN, [])
