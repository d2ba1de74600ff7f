from __future__ import annotations

import pytest
import torch

from lossbook.data.workers import worker_count


def test_auto_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    many, few = [{}] * 1000, [{}] * 999
    assert worker_count("auto", many) == 4  # type: ignore[arg-type]
    assert worker_count("auto", few) == 0  # type: ignore[arg-type]
    assert worker_count("auto", {"input": torch.zeros(5000, 1)}) == 0
    assert worker_count(3, few) == 3  # type: ignore[arg-type]
    monkeypatch.setattr(torch, "get_num_threads", lambda: 64)
    assert worker_count("auto", many) == 8  # type: ignore[arg-type]
