"""The glossary has every name that a run logs, and its directions are those of the metrics."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest

import lossbook
from lossbook.data.schema import Schema
from lossbook.losses.criteria.info_nce import InfoNCELoss
from lossbook.metrics.definitions import DEFINITIONS, direction, page
from lossbook.targets import KINDS

ROOT = Path(__file__).parents[2]
ENCODED = [(kind, name) for kind, names in ((name, kind.encodings) for name, kind in KINDS.items()) for name in names]


@pytest.mark.parametrize(("kind", "name"), ENCODED)
def test_every_metric_is_defined_and_says_which_value_is_best(
    kind: str, name: str, schema: Callable[..., Schema]
) -> None:
    made = KINDS[kind].encodings[name]
    taken = inspect.signature(made).parameters
    options = {key: value for key, value in (("embedding_dim", 2), ("verify", True)) if key in taken}
    for key, measure in made(schema(kind), **options).measures().items():
        for metric, larger in measure.directions(key).items():
            assert larger is not None, metric
            assert direction(metric) == ("max" if larger else "min"), metric
        assert measure.hints(key).keys() <= measure.directions(key).keys()


def test_every_name_has_one_direction() -> None:
    for one in DEFINITIONS:
        assert one.better in ("", direction(one.name)), one.name
    assert {name: direction(name) for name in InfoNCELoss.gives} == {"top1": "max"}
    assert direction("ece") is None


def test_every_curve_is_defined(tmp_path: Path) -> None:
    """Those of a batch, whose names are keys of dicts in the code."""
    folders = ("losses/inputs", "losses/criteria", "targets")
    code = "".join(p.read_text() for f in folders for p in (ROOT / "src/lossbook" / f).glob("*.py"))
    dicts = re.findall(r"(?:metrics = |return )(\{.*?\})(?: if|\n)", code, re.DOTALL)
    metrics = {name for one in dicts for name in re.findall(r'"(\w+)":', one)}
    assert {"spread", "active", "skipped", "untaught", "chance", "uniformity"} <= metrics
    not_metrics = {"target", "target_lengths", *(field.name for field in fields(Schema))}
    defined = {one.name for one in DEFINITIONS}
    config = lossbook.compose(
        "loss=info_nce", "data.limit=48", "trainer=cpu", "trainer.max_epochs=1", "logger=none", "callbacks=none"
    )
    logged = {tag.partition("/")[2] for tag in lossbook.train(config, tmp_path)}
    assert {"top1", "alignment", "recall_at_1"} <= logged
    assert (metrics | logged) - {"ordering", "retrieval", "verification", "errors"} - not_metrics <= defined


def test_the_page_of_the_docs_is_up_to_date() -> None:
    assert (ROOT / "docs" / "metrics.md").read_text() == page()
