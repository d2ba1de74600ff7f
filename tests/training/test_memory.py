"""The most memory that a run held."""

from __future__ import annotations

import mmap
import sys
from pathlib import Path

import pytest
import torch

from lossbook.training import memory
from lossbook.training.memory import PeakMemory

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux forgets a peak")


@linux
def test_a_peak_is_that_since_the_start() -> None:
    before = PeakMemory().metrics()["memory_mb"]
    measured = PeakMemory()
    held = mmap.mmap(-1, 100_000_000)  # of the system: malloc may give what was freed before
    torch.frombuffer(held, dtype=torch.uint8).fill_(1)
    assert measured.metrics()["memory_mb"] == pytest.approx(before + 100, abs=15)
    held.close()
    assert measured.metrics()["memory_mb"] == pytest.approx(before + 100, abs=15)
    assert PeakMemory().metrics()["memory_mb"] == pytest.approx(before, abs=15)


def test_where_it_cannot_be_reset_the_whole_life_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("resource")
    now = PeakMemory().metrics()["memory_mb"]
    monkeypatch.setattr(memory, "_PROCESS", tmp_path / "nowhere")
    assert PeakMemory().metrics()["memory_mb"] > 0.9 * now


def test_a_gpu_has_a_metric_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    reset = []
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", reset.append)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 12_340_000)
    measured = PeakMemory()
    measured.watch(torch.device("cpu"))
    assert "gpu_memory_mb" not in measured.metrics()
    measured.watch(torch.device("cuda", 1))
    assert reset == [torch.device("cuda", 1)]
    assert measured.metrics()["gpu_memory_mb"] == 12.3
