from __future__ import annotations

from typing import Any

import pytest
import torch

from lossbook.data import tensor_loader
from lossbook.data.batch_order import BatchOrder
from lossbook.data.tensor_loader import TensorLoader


def columns(samples: int) -> dict[str, Any]:
    rows = torch.arange(samples)
    return {"input": rows.float()[:, None].repeat(1, 3), "target": rows * 10}


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("chunk", [1, 100, 2**20])
@pytest.mark.parametrize("processes", [1, 2])
def test_batches_hold_the_rows_that_the_order_says(
    shuffle: bool, chunk: int, processes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tensor_loader, "CHUNK", chunk)
    order = BatchOrder(21, 4, shuffle, 5, 0, processes)
    batches = list(TensorLoader(columns(21), order))
    assert [len(batch["index"]) for batch in batches] == order.sizes()
    assert torch.equal(torch.cat([batch["index"] for batch in batches]), order.indices(0))
    for batch in batches:
        assert torch.equal(batch["target"], batch["index"] * 10)
        assert torch.equal(batch["input"], batch["index"].float()[:, None].repeat(1, 3))


def test_tuples_of_inputs_stay_together() -> None:
    rows = torch.arange(10)
    pairs = TensorLoader({"input": (rows, rows + 100)}, BatchOrder(10, 4, True))
    for batch in pairs:
        first, second = batch["input"]
        assert isinstance(batch["input"], tuple)
        assert torch.equal(first + 100, second)
        assert torch.equal(first, batch["index"])


def test_unshuffled_batches_are_views_and_cost_no_memory() -> None:
    data = columns(10)
    batch = next(iter(TensorLoader(data, BatchOrder(10, 4))))
    assert batch["input"].data_ptr() == data["input"].data_ptr()


def test_each_epoch_has_its_own_order() -> None:
    epochs = []
    batches = TensorLoader(columns(30), BatchOrder(30, 8, True))
    for epoch in (0, 1, 0):
        batches.sampler.set_epoch(epoch)
        epochs.append([batch["index"].tolist() for batch in batches])
    assert epochs[0] == epochs[2] != epochs[1]
