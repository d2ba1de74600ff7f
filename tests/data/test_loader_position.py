from __future__ import annotations

import pytest
import torch
from lightning.fabric.utilities.types import _Stateful

from lossbook.data.batch_order import BatchOrder
from lossbook.data.tensor_loader import TensorLoader
from lossbook.errors import UserError


def loader(batch_size: int = 4, seed: int = 0) -> TensorLoader:
    return TensorLoader({"input": torch.arange(30)}, BatchOrder(30, batch_size, True, seed))


def test_lightning_takes_it_for_resumable() -> None:
    assert isinstance(loader(), _Stateful)


@pytest.mark.parametrize("taken", [0, 1, 5, 8])
def test_a_state_from_within_an_epoch_goes_on_with_the_next_batch(taken: int) -> None:
    whole = loader()
    whole.sampler.set_epoch(2)
    batches = iter(whole)
    for _ in range(taken):
        next(batches)
    state = whole.state_dict()
    rest = [batch["input"].tolist() for batch in batches]
    resumed = loader()
    iter(resumed)  # Lightning tries whether it can, before it loads the state
    resumed.load_state_dict(state)
    iterator = iter(resumed)
    resumed.sampler.set_epoch(2)
    assert [batch["input"].tolist() for batch in iterator] == rest
    assert resumed.state_dict()["batches"] == 8
    assert len(list(resumed)) == 8  # the position counts once


def test_a_state_from_an_epochs_end_has_no_effect_on_the_next() -> None:
    whole = loader()
    list(whole)
    resumed = loader()
    resumed.load_state_dict(whole.state_dict())
    resumed.sampler.set_epoch(0)
    resumed.sampler.set_epoch(1)
    whole.sampler.set_epoch(1)
    assert [batch["input"].tolist() for batch in resumed] == [batch["input"].tolist() for batch in whole]


def test_a_state_that_is_not_used_yet_is_saved_again() -> None:
    whole, resumed = loader(), loader()
    next(iter(whole))
    resumed.load_state_dict(whole.state_dict())
    assert resumed.state_dict() == whole.state_dict()


def test_a_state_holds_plain_numbers() -> None:
    assert {type(value) for value in loader().state_dict().values()} == {int}


@pytest.mark.parametrize(("other", "name"), [(loader(batch_size=8), "batch_size"), (loader(seed=1), "seed")])
def test_other_batches_within_an_epoch_are_refused_and_fine_in_the_next(other: TensorLoader, name: str) -> None:
    whole = loader()
    next(iter(whole))
    other.load_state_dict(whole.state_dict())
    with pytest.raises(UserError, match=f"keep {name}="):
        next(iter(other))
    other.load_state_dict(whole.state_dict())
    other.sampler.set_epoch(1)
    assert len(list(other)) == len(other)


def test_a_balanced_epoch_goes_on_with_its_next_batch_and_with_no_other() -> None:
    def balanced() -> TensorLoader:
        order = BatchOrder(30, 4, True, 0, classes=(torch.arange(30) < 25).long())
        return TensorLoader({"input": torch.arange(30)}, order)

    whole = balanced()
    batches = iter(whole)
    for _ in range(3):
        next(batches)
    state = whole.state_dict()
    rest = [batch["input"].tolist() for batch in batches]
    resumed = balanced()
    resumed.load_state_dict(state)
    assert [batch["input"].tolist() for batch in resumed] == rest
    for one, saved in ((loader(), state), (balanced(), {k: v for k, v in state.items() if k != "balanced"})):
        one.load_state_dict(saved)
        with pytest.raises(UserError, match=r"data\.sampling="):
            next(iter(one))
