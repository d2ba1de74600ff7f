"""A run in which nothing was learned says so at its end."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import lossbook
from lossbook.data.schema import Schema
from lossbook.targets import KINDS
from lossbook.training.learning_checks import chance, notes

STILL = (
    "optim=sgd",
    "optim.lr=1e-30",
    "scheduler=none",
    "data=breast_cancer",
    "data.limit=64",
    "model.batch_norm=false",
)


def assembly(kind: str, target: Any, watched: str = "acc", **more: Any) -> Any:
    schema = Schema(kind, (3,), 9, **more)
    data = SimpleNamespace(schema=schema, targets=lambda name, head: target)
    task = SimpleNamespace(heads={"": SimpleNamespace(kind=KINDS[kind], schema=schema)})
    return SimpleNamespace(data=data, task=task, module=SimpleNamespace(primary=(f"val/{watched}", "max")))


LEVELS = [
    ("acc", "class", torch.tensor([0, 1, 1, 1]), 0.75, "'b'"),
    ("pair_acc", "pair", torch.tensor([0, 0, 1]), 2 / 3, "'0'"),
    ("acc", "multilabel", torch.tensor([[0, 1], [0, 1], [1, 1]]), 2 / 3, "'[0, 1]'"),
    ("r2", "value", None, 0.0, "the mean"),
    ("auroc", "class", None, 0.5, "a coin"),
    ("acc", "triplet", None, 0.5, "a coin"),
    ("acc", "text", None, 0.0, "not one text"),
    ("mae", "count", torch.tensor([[0.0], [1.0], [5.0]]), 5 / 3, "always predicting 1"),
]


@pytest.mark.parametrize(("metric", "kind", "target", "level", "how"), LEVELS)
def test_chance_by_hand(metric: str, kind: str, target: Any, level: float, how: str) -> None:
    found = chance(metric, assembly(kind, target, class_names=("a", "b")))
    assert found is not None
    assert found[0] == pytest.approx(level)
    assert how in found[1]


def test_where_chance_is_not_known_nothing_is_said() -> None:
    assert chance("recall_at_1", assembly("class", torch.tensor([0, 1]))) is None
    assert chance("acc", assembly("class", None)) is None
    assert chance("iou", assembly("mask", torch.zeros(2, 2, 2))) is None


@pytest.mark.parametrize(("value", "limit", "said"), [(0.75, 1.0, True), (0.76, 1.0, False), (0.7, 2, False)])
def test_a_metric_at_chance_is_said_where_the_whole_part_was_seen(value: float, limit: float, said: bool) -> None:
    trainer: Any = SimpleNamespace(callbacks=[], limit_val_batches=limit)
    found = notes(trainer, assembly("class", torch.tensor([0, 1, 1, 1])), {"val/acc": value})
    assert len(found) == said
    assert all("0.7500, the value of always predicting '1'" in text for text in found)


def test_weights_that_have_not_moved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lossbook.train(lossbook.compose(*STILL, "trainer.max_epochs=1", "trainer=cpu", "logger=none"), tmp_path)
    recorded = json.loads((tmp_path / "metrics.json").read_text())["notes"]
    assert "no weight has changed in 1 steps" in recorded[0]
    assert "1e-30" in recorded[0]
    assert recorded[0] in capsys.readouterr().out


def test_a_run_that_learns_says_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lossbook.train(
        lossbook.compose("data=breast_cancer", "trainer.max_epochs=3", "trainer=cpu", "logger=none"), tmp_path
    )
    assert "notes" not in json.loads((tmp_path / "metrics.json").read_text())
    assert "no weight" not in capsys.readouterr().out
