"""Show progress as a table with a row an epoch, fit for a log file; on a terminal with a bar below it."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Mapping
from typing import Any

import lightning
from lightning.pytorch.callbacks import ProgressBar
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar as Bar
from rich.table import Table
from rich.text import Text

from lossbook.formatting import duration, metric
from lossbook.training.callbacks.checkpoints import Checkpoints

TERMINAL_SECONDS, FILE_SECONDS = 0.1, 300.0  # between updates within an epoch


class Progress(ProgressBar):
    """Prints a row an epoch: number, losses, primary metric, accuracy, seconds; ``best`` where best.ckpt was written.

    ``best (tie: val/loss)`` where the primary metric was equal and ``val/loss`` decided.

    Within an epoch a terminal shows a bar, redrawn ten times a second at most and without a thread; a file gets a line
    every five minutes. Each step costs one reading of the clock.

    Args:
        console: where to print; None: the standard output.
    """

    def __init__(self, console: Console | None = None) -> None:
        super().__init__()
        self.console = console or Console(file=sys.stdout, highlight=False)
        self._enabled = True
        self._columns: list[str] = []  # tags of the metrics in the rows
        self._live: Live | None = None
        self._next_update = math.inf
        self._epoch_start = 0.0
        self._first_batch = 0  # number of this epoch's batches before the run was resumed
        self._stage_start = 0.0
        self._ended: tuple[int, float, bool] | None = None  # an epoch whose row is due: number, seconds, validated

    def enable(self) -> None:
        self._enabled = True

    def disable(self) -> None:
        self._enabled = False

    def print(self, *args: Any, **kwargs: Any) -> None:
        self._clear()
        self.console.print(*args, **kwargs)

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self._validated = False
        self._begin_epoch(trainer)  # a run resumed within an epoch has no on_train_epoch_start

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self._row(trainer, pl_module)
        self._begin_epoch(trainer)

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if time.monotonic() >= self._next_update:
            self._show(trainer, "", batch_idx + 1, self.total_train_batches, self._first_batch, self._epoch_start)

    def on_validation_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self._stage_start = time.monotonic()

    def on_validation_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        if time.monotonic() >= self._next_update:
            self._show(trainer, "validation", batch_idx + 1, self.total_val_batches, 0, self._stage_start)

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self._validated = not trainer.sanity_checking

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        # the epoch is logged, and the best found, after this hook: its row is printed at the next one
        self._ended = (trainer.current_epoch, time.monotonic() - self._epoch_start, self._validated)
        self._validated = False

    def on_train_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self._row(trainer, pl_module)
        self._clear()
        self._next_update = math.inf

    def on_exception(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, exception: BaseException
    ) -> None:
        self._clear()
        self._row(trainer, pl_module)

    def _begin_epoch(self, trainer: lightning.Trainer) -> None:
        self._epoch_start = time.monotonic()
        self._first_batch = max(0, trainer.fit_loop.batch_idx + 1) if trainer.fit_loop.restarted_mid_epoch else 0
        self._next_update = self._epoch_start + self._interval() if self._enabled else math.inf

    def _interval(self) -> float:
        return TERMINAL_SECONDS if self.console.is_terminal else FILE_SECONDS

    def _row(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Print the row of the epoch that has ended, under a heading if it is the first."""
        if self._ended is None or not self._enabled:
            return
        (epoch, seconds, validated), self._ended = self._ended, None
        self._clear()
        metrics = trainer.callback_metrics
        found = columns(metrics, getattr(pl_module, "primary", ("val/acc", "max"))[0])
        if found != self._columns:  # in the first row, or at the first validation
            self._columns = found
            heading = "  ".join(["   epoch", *(f"{name:>{_width(name)}}" for name in self._columns), "    time"])
            self.console.print(Text(heading, style="bold"), soft_wrap=True)
        kept = [c for c in trainer.callbacks if isinstance(c, Checkpoints) and c.best_epoch == epoch]  # type: ignore[attr-defined]
        values = [metrics.get(name) if validated or name.startswith("train/") else None for name in self._columns]
        cells = [f"{metric(value):>{_width(name)}}" for name, value in zip(self._columns, values, strict=True)]
        row = "  ".join([f"{_count(trainer, epoch):>8}", *cells, f"{duration(seconds):>8}"])
        mark = Text("  best" if kept else "", style="bold green")
        mark += Text(" (tie: val/loss)" if any(c.best_by_loss for c in kept) else "", style="green")
        self.console.print(Text(row) + mark, soft_wrap=True)

    def _show(self, trainer: lightning.Trainer, stage: str, done: int, total: float, before: int, start: float) -> None:
        """Show how far an epoch is, and how long its remaining batches will take."""
        now = time.monotonic()
        self._next_update = now + self._interval()
        rate = (done - before) / max(now - start, 1e-9)
        left = duration((total - done) / rate) if math.isfinite(total) else "?"
        epoch = f"{_count(trainer, trainer.current_epoch):>8}"
        speed = f"{rate:.0f}" if rate >= 100 else f"{rate:.3g}"
        counts = f"{done}/{total:.0f}  {speed}/s  {left} left  {stage}".rstrip()
        if not self.console.is_terminal:
            self.console.print(f"{epoch}  {counts}", soft_wrap=True)
            return
        line = Table.grid(padding=(0, 2, 0, 0))
        line.add_row(epoch, Bar(total if math.isfinite(total) else None, done, width=24), counts)
        if self._live is None:
            self._live = Live(console=self.console, auto_refresh=False, transient=True)
            self._live.start()
        self._live.update(Group(line), refresh=True)

    def _clear(self) -> None:
        """Remove the bar, before something is printed."""
        if self._live is not None:
            self._live.stop()
            self._live = None


def columns(metrics: Mapping[str, Any], primary: str) -> list[str]:
    """Return the metrics that have a column: both losses, the primary metric, the accuracy, as far as they exist."""
    wanted = ["train/loss", "val/loss", primary, "val/acc"]
    found = [name for name in dict.fromkeys(wanted) if name in metrics]
    return (
        found
        if any(name.startswith("val/") for name in found)
        else [n for n in ("train/loss", "train/acc") if n in metrics]
    )


def _width(name: str) -> int:
    return max(len(name), 8)


def _count(trainer: lightning.Trainer, epoch: int) -> str:
    """Return ``3/20``, or ``3`` where a number of steps or a time ends the run."""
    return f"{epoch + 1}/{trainer.max_epochs}" if (trainer.max_epochs or -1) > 0 else str(epoch + 1)
