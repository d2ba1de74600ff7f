"""A run in a job's folder writes how many epochs it has trained."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lossbook.records.progress import read_progress
from lossbook.sweeps import heartbeat
from lossbook.sweeps.heartbeat import Heartbeat


@pytest.mark.parametrize(("most", "epochs"), [(20, 20), (-1, None), (None, None)])
def test_epochs_are_counted_from_one(tmp_path: Path, most: int | None, epochs: int | None) -> None:
    trainer: Any = SimpleNamespace(current_epoch=2, max_epochs=most)
    Heartbeat(tmp_path).on_train_epoch_end(trainer, trainer)
    assert read_progress(tmp_path) == (3, epochs)


def test_not_every_short_epoch_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "_PERIOD_S", 3600.0)
    beating = Heartbeat(tmp_path)
    for epoch in (0, 1):
        trainer: Any = SimpleNamespace(current_epoch=epoch, max_epochs=20)
        beating.on_train_epoch_end(trainer, trainer)
    assert read_progress(tmp_path) == (1, 20)
