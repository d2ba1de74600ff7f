"""What a file says of itself."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import torch

from lossbook.data.schema import Schema
from lossbook.errors import UserError
from lossbook.export.metadata import Metadata, describe

CASES = [
    ("class", "loss=cross_entropy"),
    ("class", "loss=kl_div"),
    ("class", "loss=triplet_margin"),
    ("multilabel", "loss=multilabel_margin"),
    ("multilabel", "loss=bce"),
    ("value", "loss=smooth_l1"),
    ("value", "loss=margin_ranking"),
    ("count", "loss=poisson_nll"),
    ("mask", "loss=dice"),
    ("text", "loss=ctc"),
    ("pair", "loss=cosine_embedding"),
    ("triplet", "loss=triplet_margin"),
    ("none", "loss=info_nce"),
]


@pytest.mark.parametrize(("kind", "loss"), CASES)
def test_what_is_read_decodes_as_what_was_written(raw: Callable, schema: Callable, kind: str, loss: str) -> None:
    network, fitted, heads = raw(schema(kind), loss, embedding_dim=5, model=torch.nn.Identity())
    text = describe(fitted, heads, {"f1": 0.5}, {}).text()
    again = Metadata.read(text, "file")
    (objective,), (one,) = (found.values() for found in (network.heads, again.objectives()))
    shape = {"mask": (2, 3, 4, 4), "text": (2, 6, 4)}.get(kind, (2, objective.output_size))
    output = torch.randn(shape)
    thresholds = {name: torch.tensor(value) for name, value in again.thresholds.items()}
    expected, found = (each.predict(output, None, thresholds) for each in (objective, one))
    assert torch.equal(expected.decision, found.decision)
    assert (expected.probability is None) == (found.probability is None)
    assert expected.probability is None or torch.equal(expected.probability, found.probability)
    assert again.fitted == fitted


def test_options_that_follow_the_criterion_are_kept(raw: Callable, schema: Callable) -> None:
    network, fitted, heads = raw(schema("text"), "loss=ctc", "loss.criterion.blank=3", model=torch.nn.Identity())
    (one,) = Metadata.read(describe(fitted, heads, {}, {}).text(), "file").objectives().values()
    assert one.encoding.blank == 3
    assert network.heads[""].encoding.blank == 3


def test_it_can_be_read_by_anybody(raw: Callable) -> None:
    names = ("a", "ß", "c, d")
    _, fitted, heads = raw(Schema("class", (2,), 10, classes=3, class_names=names), "loss=cross_entropy")
    state = json.loads(describe(fitted, heads, {}, {"sizes": "any"}).text())
    assert state["data"]["targets"]["target"]["class_names"] == list(names)
    assert (state["sizes"], state["version"]) == ("any", 1)
    assert state["data"]["known"] is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "damaged"),
        ("[]", "damaged"),
        ('{"version": 99}', "older Lossbook"),
        ('{"version": 1}', "damaged"),
    ],
)
def test_what_is_no_such_text_is_refused(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        Metadata.read(text, "ckpt=file.onnx")


@pytest.mark.parametrize(
    ("key", "value"),
    [("activation", "evil"), ("inputs", 3), ("probabilities", "none "), ("width", "x"), ("more", 1), ("accepts", {})],
)
def test_a_contract_of_unknown_words_is_refused(raw: Callable, schema: Callable, key: str, value: object) -> None:
    _, fitted, heads = raw(schema("class"), "loss=cross_entropy")
    state = json.loads(describe(fitted, heads, {}, {}).text())
    state["heads"][""][key] = value
    with pytest.raises(UserError):
        Metadata.read(json.dumps(state), "ckpt=file.onnx").objectives()
