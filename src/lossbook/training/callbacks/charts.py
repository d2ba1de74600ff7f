"""A layout for TensorBoard: training and validation of each metric in one chart."""

from __future__ import annotations

import lightning as L

from lossbook.training.loggers import TensorBoard


class ChartLayout(L.Callback):
    """Writes TensorBoard's layout after the first epoch, when all metrics are known; the watched metric is first."""

    def __init__(self) -> None:
        self.done = False

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._lay_out(trainer, pl_module)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._lay_out(trainer, pl_module)

    def _lay_out(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        measured = [tag.removeprefix("val/") for tag in trainer.callback_metrics if tag.startswith("val/")]
        watched = str(getattr(pl_module, "primary", ("val/loss", "min"))[0]).removeprefix("val/")
        names = [watched, *(name for name in measured if name != watched)]
        if measured and not self.done:
            self.done = True
            for logger in trainer.loggers:
                if isinstance(logger, TensorBoard):
                    logger.add_layout(dict.fromkeys(names))
