"""The length of a run is the number of steps that the trainer makes."""

from __future__ import annotations

from typing import Any

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import GradientAccumulationScheduler
from torch.utils.data import DataLoader, IterableDataset

from lossbook.errors import UserError
from lossbook.optim.schedules.length import Length, length_of

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers", "ignore:.*accumulate_grad_batches")
OFF: Any = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)


class Asking(L.LightningModule):
    """Records the length of its run."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.length: Length | None = None

    def configure_optimizers(self) -> Any:
        self.length = length_of(self.trainer)
        return torch.optim.SGD(self.parameters(), lr=0.1)

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        return self.weight


class Stream(IterableDataset[int]):
    def __iter__(self) -> Any:
        return iter(range(9))


def fitted(data: Any = range(7), **options: Any) -> tuple[Asking, L.Trainer]:
    module = Asking()
    trainer = L.Trainer(accelerator="cpu", **options, **OFF)
    trainer.fit(module, DataLoader(data))
    return module, trainer


@pytest.mark.parametrize(
    ("options", "length"),
    [
        ({"max_epochs": 2}, Length(14, 7)),
        ({"max_epochs": 2, "accumulate_grad_batches": 3}, Length(6, 3)),
        ({"max_epochs": 5, "max_steps": 9}, Length(9, 7, by_epochs=False)),
        ({"max_epochs": -1, "max_steps": 9}, Length(9, 7, by_epochs=False)),
        ({"max_epochs": 2, "limit_train_batches": 5}, Length(10, 5)),
    ],
)
def test_it_is_what_the_run_makes(options: dict[str, Any], length: Length) -> None:
    module, trainer = fitted(**options)
    assert module.length == length
    assert trainer.global_step == length.steps


def test_a_run_that_only_the_clock_ends() -> None:
    module, _ = fitted(max_epochs=-1, max_time={"seconds": 0})
    assert module.length == Length(None, 7, by_epochs=False)


def test_data_of_unknown_length() -> None:
    with pytest.raises(UserError, match="limit_train_batches=N"):
        fitted(Stream(), max_epochs=1)
    module, _ = fitted(Stream(), max_epochs=1, limit_train_batches=4)
    assert module.length == Length(4, 4)


def test_accumulation_that_changes_on_the_way() -> None:
    with pytest.raises(UserError, match="GradientAccumulationScheduler"):
        fitted(max_epochs=2, callbacks=[GradientAccumulationScheduler({0: 1, 1: 2})])


@pytest.mark.parametrize(
    ("interval", "frequency", "calls"), [("step", 1, 30), ("step", 4, 7), ("epoch", 1, 5), ("epoch", 2, 2)]
)
def test_how_often_a_schedule_is_stepped(interval: str, frequency: int, calls: int) -> None:
    assert Length(30, 7).calls(interval, frequency) == calls
    assert Length(None, 7).calls(interval, frequency) is None
