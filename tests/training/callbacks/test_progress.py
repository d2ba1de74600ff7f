"""A row an epoch, that fits 80 columns, in a file as on a terminal."""

from __future__ import annotations

import io
import threading
from pathlib import Path
from typing import Any

import lightning
import pytest
import torch
from rich.console import Console
from torch.utils.data import DataLoader

from lossbook.checkpoints.read import AtomicCheckpointIO
from lossbook.training.callbacks import progress
from lossbook.training.callbacks.checkpoints import Checkpoints
from lossbook.training.callbacks.progress import Progress, columns
from lossbook.training.callbacks.record import Record

pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning", "ignore:.*does not have many workers")


class Module(lightning.LightningModule):
    primary = ("val/recall_at_1", "max")

    def __init__(self, fails_at: int | None = None) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.fails_at = fails_at

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=1.0)

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        if self.global_step == self.fails_at:
            raise ZeroDivisionError
        return -self.weight

    def on_train_epoch_end(self) -> None:
        self.log("train/loss", 1.5 - self.current_epoch)

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        recall = [0.5, 0.8, 0.7][self.current_epoch]
        self.log_dict({"val/loss": 1000.0, "val/recall_at_1": recall, "val/acc": 0.25, "val/f1": 0.1})


def run(folder: Path, module: Module, terminal: bool, width: int = 80, **options: Any) -> str:
    text = io.StringIO()
    console = Console(file=text, force_terminal=terminal, width=width, highlight=False, color_system=None)
    trainer = lightning.Trainer(
        **{"max_epochs": 3, "accelerator": "cpu", "default_root_dir": folder, "logger": False, **options},
        plugins=[AtomicCheckpointIO()],
        callbacks=[Progress(console), Checkpoints(), Record({"config": {}})],
        enable_model_summary=False,
    )
    threads = threading.active_count()
    trainer.fit(module, DataLoader(range(4)), DataLoader(range(2)))
    assert threading.active_count() == threads
    return text.getvalue()


def test_a_file_gets_a_row_an_epoch(tmp_path: Path) -> None:
    lines = run(tmp_path, Module(), terminal=False).splitlines()
    assert lines[0] == "   epoch  train/loss  val/loss  val/recall_at_1   val/acc      time"
    start = [line[:57] for line in lines[1:]]
    assert start == [
        "     1/3      1.5000      1000           0.5000    0.2500",
        "     2/3      0.5000      1000           0.8000    0.2500",
        "     3/3     -0.5000      1000           0.7000    0.2500",
    ]
    assert [line.endswith(" s  best") for line in lines[1:]] == [True, True, False]
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in "".join(lines)


def test_a_best_by_the_loss_alone_says_so(tmp_path: Path) -> None:
    class Tied(Module):
        def validation_step(self, batch: Any, batch_idx: int) -> None:
            self.log_dict({"val/recall_at_1": 0.5, "val/loss": 1.0 - self.current_epoch % 2})

    lines = run(tmp_path, Tied(), terminal=False).splitlines()
    assert [line.partition(" s  ")[2] for line in lines[1:]] == ["best", "best (tie: val/loss)", ""]


def test_epochs_without_validation_show_none(tmp_path: Path) -> None:
    lines = run(tmp_path, Module(), terminal=False, check_val_every_n_epoch=2).splitlines()
    heading, first, *others = (line.split() for line in lines)
    assert heading == ["epoch", "train/loss", "time"]
    assert (first[:2], first[3:]) == (["1/3", "1.5000"], ["s"])  # its time, and nothing of validation
    assert [line[:3] for line in others] == [
        ["epoch", "train/loss", "val/loss"],
        ["2/3", "0.5000", "1000"],
        ["3/3", "-0.5000", "-"],
    ]


@pytest.mark.parametrize("width", [80, 120])
def test_a_terminal_has_a_bar_below_the_rows(width: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "TERMINAL_SECONDS", 0.0)
    text = run(tmp_path, Module(), terminal=True, width=width)
    assert "━" in text
    assert "3/4" in text
    assert "validation" in text
    assert text.count("     1/3      1.5000") == 1
    assert "3/3     -0.5000" in text.splitlines()[-1]  # nothing of the bar is left behind


def test_a_file_has_a_sign_of_life_within_long_epochs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "FILE_SECONDS", 0.0)
    lines = run(tmp_path, Module(), terminal=False, max_epochs=1).splitlines()
    assert any(line.startswith("     1/1  2/4  ") and line.endswith("left") for line in lines)


def test_an_epoch_that_ended_is_shown_where_the_next_one_fails(tmp_path: Path) -> None:
    text = io.StringIO()
    trainer = lightning.Trainer(
        accelerator="cpu",
        max_epochs=3,
        default_root_dir=tmp_path,
        logger=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        callbacks=[Progress(Console(file=text))],
    )
    with pytest.raises(ZeroDivisionError):
        trainer.fit(Module(fails_at=6), DataLoader(range(4)), DataLoader(range(2)))
    assert len(text.getvalue().splitlines()) == 2


def test_columns_are_the_losses_the_primary_metric_and_the_accuracy() -> None:
    metrics = dict.fromkeys(["val/mae", "val/r2", "val/loss", "train/loss", "train/r2"], 0.0)
    assert columns(metrics, "val/r2") == ["train/loss", "val/loss", "val/r2"]
    assert columns({"train/loss": 0.0, "train/acc": 0.0}, "val/acc") == ["train/loss", "train/acc"]
