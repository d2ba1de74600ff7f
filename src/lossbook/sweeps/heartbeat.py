"""The callback that writes how far a job's run has come into its folder."""

from __future__ import annotations

import math
import time
from pathlib import Path

import lightning

from lossbook.records.progress import write_progress

_PERIOD_S = 0.2  # at least, between two writes: epochs may be shorter


class Heartbeat(lightning.Callback):
    """Writes the number of finished epochs into ``progress.json``.

    Args:
        folder: of the job.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._written = -math.inf

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        if time.monotonic() - self._written >= _PERIOD_S:
            self._written = time.monotonic()
            epochs = trainer.max_epochs if trainer.max_epochs and trainer.max_epochs > 0 else None
            write_progress(self.folder, trainer.current_epoch + 1, epochs)
