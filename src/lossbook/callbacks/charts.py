"""Training and validation in one chart."""

from __future__ import annotations

import lightning as L

from lossbook.loggers import TensorBoard


class ChartLayout(L.Callback):
    """Tells TensorBoard, once an epoch has shown which figures both have, to draw train and validation together."""

    def __init__(self) -> None:
        self.done = False

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._lay_out(trainer)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._lay_out(trainer)

    def _lay_out(self, trainer: L.Trainer) -> None:
        logged = trainer.callback_metrics
        names = [
            name for tag in logged if f"train/{(name := tag.partition('/')[2])}" in logged and f"val/{name}" in logged
        ]
        if names and not self.done:
            self.done = True
            for logger in trainer.loggers:
                if isinstance(logger, TensorBoard):
                    logger.add_layout(dict.fromkeys(names))
