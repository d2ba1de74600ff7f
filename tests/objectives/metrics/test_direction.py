"""Errors are better the fewer, successes the more."""

from __future__ import annotations

import pytest

from lossbook.objectives.metrics.direction import better


@pytest.mark.parametrize("name", ["loss", "mae", "rmse", "cer", "wer", "kl"])
def test_errors(name: str) -> None:
    assert better(name) == "min"


@pytest.mark.parametrize("name", ["acc", "f1", "map", "r2", "recall_at_1", "iou"])
def test_successes(name: str) -> None:
    assert better(name) == "max"
