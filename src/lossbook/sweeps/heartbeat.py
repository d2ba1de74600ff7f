"""The callback that writes how far a job's run has come into the job's progress file."""

from __future__ import annotations

import lightning

from lossbook.records.progress import ProgressFile


class Heartbeat(lightning.Callback):
    """Writes the number of finished epochs into a progress file.

    Args:
        file: in the folder of the job.
    """

    def __init__(self, file: ProgressFile) -> None:
        self.file = file

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        epochs = trainer.max_epochs
        self.file.update(trainer.current_epoch + 1, epochs if epochs is not None and epochs > 0 else None)
