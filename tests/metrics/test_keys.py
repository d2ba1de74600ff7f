"""What is wrong with the metrics of a config is told with a fix that works when typed."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

import lossbook
from lossbook.metrics.keys import metric_problems

SHORT = ("data.limit=64", "trainer.max_epochs=1", "trainer.accelerator=cpu", "logger=none", "callbacks=none")


@pytest.mark.parametrize("metrics", [3, {"mcc": 3}, {"mcc": {"of": "decision"}}])
def test_the_fix_of_a_metric_trains(metrics: Any, tmp_path: Path) -> None:
    (problem,) = metric_problems(metrics, {"": "class"})
    config = lossbook.compose(*shlex.split(problem.fix), *SHORT)
    assert "val/mcc" in lossbook.train(config, tmp_path)


@pytest.mark.parametrize(
    ("node", "targets", "fix"),
    [
        ({"of": "decisions"}, {"": "class"}, "metrics.mcc.of=decision"),
        ({"mode": "maximum"}, {"": "class"}, "metrics.mcc.mode=max"),
        ({"head": "digit"}, {"": "class"}, "leave it out"),
        ({}, {"digit": "class", "even": "class"}, "+metrics.mcc.head=digit"),
        ({"head": "digits"}, {"digit": "class", "even": "class"}, "metrics.mcc.head=digit"),
    ],
)
def test_a_wrong_key_of_a_metric_is_told(node: dict[str, Any], targets: dict[str, str], fix: str) -> None:
    (problem,) = metric_problems({"mcc": {"_target_": "mine.Mcc", **node}}, targets)
    assert problem.fix == fix
