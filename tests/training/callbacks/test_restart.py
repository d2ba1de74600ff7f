"""What is mended on resuming; that it suffices is shown bit for bit in tests/test_resume.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from torch import Tensor, nn

from lossbook.training.callbacks.restart import mend_restart


class Counting(L.LightningModule):
    """Writes down the epoch and batch of each step."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 1)
        self.steps: list[tuple[int, int]] = []

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        self.steps.append((self.current_epoch, batch_idx))
        return self.layer(batch).square().mean()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


class Saving(L.Callback):
    """Saves at each epoch's end, as a checkpoint callback does."""

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        trainer.save_checkpoint(Path(trainer.default_root_dir) / f"{trainer.current_epoch}.ckpt")


class Mending(L.Callback):
    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        mend_restart(trainer)


def run(folder: Path, *callbacks: L.Callback, ckpt: Path | None = None, **options: Any) -> tuple[L.Trainer, Counting]:
    off = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    trainer = L.Trainer(accelerator="cpu", callbacks=[*callbacks], default_root_dir=folder, **off, **options)
    module = Counting()
    batches = torch.utils.data.DataLoader(torch.arange(12.0).reshape(6, 2), batch_size=2)  # type: ignore[arg-type]
    trainer.fit(module, batches, ckpt_path=ckpt, weights_only=True if ckpt else None)
    return trainer, module


@pytest.mark.filterwarnings("ignore:.*num_workers", "ignore:.*many workers")
def test_with_a_number_of_steps_an_epoch_is_not_counted_twice(tmp_path: Path) -> None:
    options: dict[str, Any] = {"max_epochs": 3, "max_steps": 100}
    run(tmp_path, Saving(), **options)
    plain, _ = run(tmp_path, ckpt=tmp_path / "0.ckpt", **options)
    mended, module = run(tmp_path, Mending(), ckpt=tmp_path / "0.ckpt", **options)
    assert module.steps == [(epoch, batch) for epoch in (1, 2) for batch in range(3)]
    assert mended.global_step == 9
    assert plain.global_step < 9, "Lightning counts rightly by now: this mend can go"


@pytest.mark.filterwarnings("ignore:.*num_workers", "ignore:.*many workers")
def test_a_fresh_run_is_left_alone(tmp_path: Path) -> None:
    trainer, module = run(tmp_path, Mending(), max_epochs=2)
    assert module.steps == [(epoch, batch) for epoch in (0, 1) for batch in range(3)]
    assert trainer.global_step == 6
