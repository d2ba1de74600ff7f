from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils.data import Dataset

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
