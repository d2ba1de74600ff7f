"""Pictures of predictions on the validation part, for loggers that take images."""

from __future__ import annotations

from typing import Any

import lightning as L
import numpy as np
import torch
from torch import Tensor

from lossbook.errors import refuse
from lossbook.tasks.task import of, of_head
from lossbook.training.module import LossbookModule


class Pictures(L.Callback):
    """Draws predictions beside targets after each validation, for the first samples of the part.

    What a picture shows belongs to the kind of target; a kind that draws none has no picture.

    Args:
        samples: of the first validation batch.
        every: validations between two pictures.
    """

    def __init__(self, samples: int = 16, every: int = 1) -> None:
        for name, value in (("samples", samples), ("every", every)):
            if value < 1:
                raise refuse(f"callbacks.pictures.{name}={value}", f"{name} must be at least 1.", f"{name}=1")
        self.samples, self.every = samples, every
        self._batch: dict[str, Any] | None = None
        self._validations = 0

    def on_validation_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:  # fmt: skip
        if batch_idx == 0 and not isinstance(batch["input"], tuple):
            self._batch = {key: value[: self.samples] for key, value in batch.items() if isinstance(value, Tensor)}

    @torch.no_grad()
    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        batch, self._batch = self._batch, None
        due = self._validations % self.every == 0
        self._validations += 1
        takers = [found for one in trainer.loggers if (found := getattr(one, "experiment", None)) is not None]
        takers = [taker for taker in takers if hasattr(taker, "add_image")]
        if batch is None or not due or not takers or not trainer.is_global_zero:
            return
        assert isinstance(pl_module, LossbookModule)
        with trainer.precision_plugin.forward_context():
            predictions = pl_module.task.predict(batch, pl_module.test_meter.thresholds())
        for head, prediction in predictions.items():
            objective = pl_module.task.heads[head]
            figure = objective.kind.picture(of_head(batch, head), prediction, objective.schema)
            for taker in takers if figure is not None else ():
                taker.add_image(
                    f"val/{of(head, 'predictions')}", _pixels(figure), trainer.global_step, dataformats="HWC"
                )

    def state_dict(self) -> dict[str, Any]:
        return {"validations": self._validations}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._validations = int(state_dict["validations"])


def _pixels(figure: Any) -> np.ndarray:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]
