"""Lightning's step without what does nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from torch import Tensor, nn

from lossbook.training.lean import STEP_HOOKS, ask_for_gpus_once, make_lean


class Small(L.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 1)
        self.called: list[str] = []

    def on_after_backward(self) -> None:
        self.called.append("on_after_backward")

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        return self.layer(batch).square().mean()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


class Counting(L.Callback):
    def __init__(self) -> None:
        self.ends = 0

    def on_train_batch_end(self, *args: Any) -> None:
        self.ends += 1


def fitted(lean: bool, folder: Path) -> tuple[Small, Counting]:
    torch.manual_seed(0)
    module, callback = Small(), Counting()
    off = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    trainer = L.Trainer(accelerator="cpu", max_epochs=2, callbacks=[callback], default_root_dir=folder, **off)
    if lean:
        make_lean(trainer, module)
    batches = torch.utils.data.DataLoader(torch.arange(18.0).reshape(6, 3), batch_size=2)  # type: ignore[arg-type]
    trainer.fit(module, batches)
    return module, callback


@pytest.mark.filterwarnings("ignore:.*num_workers")
def test_the_hooks_that_do_something_still_run_and_the_result_is_the_same(tmp_path: Path) -> None:
    plain, _ = fitted(False, tmp_path)
    lean, callback = fitted(True, tmp_path)
    assert callback.ends == 6
    assert lean.called == ["on_after_backward"] * 6
    assert torch.equal(lean.layer.weight, plain.layer.weight)
    hidden = {hook for hook in STEP_HOOKS if getattr(lean, hook) is None}
    assert hidden == set(STEP_HOOKS) - {"on_after_backward"}


def test_without_a_gpu_torch_does_not_look_for_the_driver_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
    ask_for_gpus_once()
    import os

    expected = "1" if torch.cuda.is_available() else "0"
    assert os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] == expected
