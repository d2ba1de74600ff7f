from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset

from lossbook.data.batch_cache import BatchCache
from lossbook.data.batch_order import BatchOrder
from lossbook.data.dataset_loader import DatasetLoader
from lossbook.errors import UserError, refuse


class Squares(Dataset[dict[str, Any]]):
    def __init__(self, broken: int = -1) -> None:
        self.broken = broken

    def __len__(self) -> int:
        return 21

    def __getitem__(self, index: int) -> dict[str, Any]:
        if index == self.broken:
            raise refuse("picture 7 is torn", "Pictures are whole.", "glue it")
        return {"input": torch.tensor([index, index**2]), "target": index}


@pytest.mark.parametrize("workers", [0, 1])
def test_batches_hold_the_samples_that_the_order_says_and_resume(workers: int) -> None:
    order = BatchOrder(21, 4, True, 1)
    loader = DatasetLoader(Squares(), order, workers)
    before = torch.get_rng_state()
    for epoch in range(2):
        loader.sampler.set_epoch(epoch)
        batches = list(loader)
        assert len(batches) == len(loader)
        assert torch.equal(torch.cat([batch["index"] for batch in batches]), order.indices(epoch))
        assert all(torch.equal(batch["input"][:, 1], batch["target"] ** 2) for batch in batches)
    assert torch.equal(before, torch.get_rng_state())
    loader.load_state_dict(loader.state_dict() | {"batches": 3})
    assert [batch["index"].tolist() for batch in loader] == [batch["index"].tolist() for batch in batches[3:]]


class Pairs(Squares):
    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"input": (torch.tensor([index]), torch.tensor([-index])), "target": index % 2}


@pytest.mark.parametrize("workers", [0, 1])
def test_pairs_come_as_tuples(workers: int) -> None:
    batch = next(iter(DatasetLoader(Pairs(), BatchOrder(21, 4), workers)))
    assert isinstance(batch["input"], tuple)
    assert [column.flatten().tolist() for column in batch["input"]] == [[0, 1, 2, 3], [0, -1, -2, -3]]


@pytest.mark.parametrize("workers", [0, 1])
def test_a_users_mistake_comes_out_of_a_worker_as_it_is(workers: int) -> None:
    with pytest.raises(UserError, match=r"^picture 7 is torn\n  Pictures are whole.\n  Fix: glue it$"):
        list(DatasetLoader(Squares(broken=7), BatchOrder(21, 4), workers))


class KeptSquares(BatchCache):
    """All of them are there, without reading one."""

    on_disk = True

    def __init__(self, broken: int = -1) -> None:
        self.made: list[int] = []
        self.broken = broken

    def __len__(self) -> int:
        return 21

    def rows(self, chosen: np.ndarray) -> BatchCache:
        raise NotImplementedError

    def holds(self, rows: Tensor) -> bool:
        return True

    def batch(self, rows: Tensor) -> dict[str, Any]:
        self.made += rows.tolist()
        if self.broken in self.made:
            raise refuse("the cache is incomplete", "It was changed while it was used.", "remove the folder")
        return {"input": rows**2}

    def keep(self, rows: Tensor, batch: dict[str, Any]) -> None:
        raise NotImplementedError


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_of_a_cache_are_in_order_and_only_a_few_are_made_ahead(workers: int) -> None:
    order, cache = BatchOrder(21, 4, True, 1), KeptSquares()
    loader = DatasetLoader(cache, order, workers)
    batches = list(loader)
    assert torch.cat([batch["index"] for batch in batches]).tolist() == cache.made == order.indices(0).tolist()
    assert all(torch.equal(batch["input"], batch["index"] ** 2) for batch in batches)
    cache.made.clear()
    threads = threading.active_count()
    left_early = iter(loader)
    next(left_early)
    left_early.close()
    assert 4 <= len(cache.made) <= (12 if workers else 4)
    assert threading.active_count() == threads


def test_a_cache_in_memory_needs_no_thread() -> None:
    cache = KeptSquares()
    cache.on_disk = False
    batches = iter(DatasetLoader(cache, BatchOrder(21, 4), 2))
    next(batches)
    assert cache.made == [0, 1, 2, 3]


def test_a_fault_of_a_cache_arrives_as_it_is() -> None:
    with pytest.raises(UserError, match="the cache is incomplete"):
        list(DatasetLoader(KeptSquares(broken=9), BatchOrder(21, 4), 2))
