"""Use the average of the weights that an optimizer keeps and torch itself never uses."""

from __future__ import annotations

from collections.abc import Mapping

import lightning
from torch import Tensor, nn

from lossbook.training.callbacks.averaged_weights import AveragedWeights, statistics


class OptimizerAverages(AveragedWeights):
    """Validates, tests and saves the average of ``torch.optim.ASGD``; running statistics are averaged here.

    Args:
        key: of the average in the optimizer's state of a parameter (``ax``). A parameter without one is not averaged.
            Averaging starts after ``t0`` steps, an option of the optimizer; until then the average is the weights
            themselves.
    """

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key
        self._start = 0.0

    def averaged(self, module: nn.Module) -> dict[str, Tensor]:
        return statistics(module)

    def current(self, trainer: lightning.Trainer, module: nn.Module) -> Mapping[str, Tensor]:
        state = {p: kept for optimizer in trainer.optimizers for p, kept in optimizer.state.items()}
        kept = {name: state[p][self.key] for name, p in module.named_parameters() if self.key in state.get(p, ())}
        return {**kept, **self.averages} if kept else {}

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        super().on_train_start(trainer, pl_module)
        self._start = max(float(optimizer.param_groups[0].get("t0", 0)) for optimizer in trainer.optimizers)

    def weight(self, trainer: lightning.Trainer) -> float:
        # as ASGD in this step: computed at the end of the previous step
        return 1 / max(1.0, trainer.global_step - 1 - self._start)
