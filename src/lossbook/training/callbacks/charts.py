"""Training and validation in one chart, and a chart for each figure of validation alone."""

from __future__ import annotations

import lightning as L

from lossbook.training.loggers import TensorBoard


class ChartLayout(L.Callback):
    """Tells TensorBoard, once an epoch has shown which figures there are, to chart each of them, the watched first."""

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
