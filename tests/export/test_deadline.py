"""An end to tracing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from lossbook.data.schema import Schema
from lossbook.errors import UserError
from lossbook.export import trace
from lossbook.export.deadline import Deadline


def test_nothing_is_called_after_the_end() -> None:
    with Deadline(60):
        assert torch.ones(2).sum() == 2
    with pytest.raises(TimeoutError), Deadline(-1):
        torch.ones(2)


def test_it_is_of_free_sizes_alone(raw: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace, "LONGEST", -1.0)
    data = Schema("class", (1, 4, 4), 10, classes=3)
    network, *_ = raw(data, "loss=cross_entropy", model=lambda images: images.mean((2, 3)) * torch.ones(3))
    trace.traced(network, (torch.rand(2, 1, 4, 4),))
    with pytest.raises(UserError, match="TimeoutError"):
        trace.traced(network, (torch.rand(2, 1, 4, 4),), (torch.rand(2, 1, 6, 8),))
