"""The average that an optimizer keeps of the weights, and that torch never uses."""

from __future__ import annotations

from collections.abc import Mapping

import lightning
from torch import Tensor, nn

from lossbook.training.callbacks.averaged_weights import AveragedWeights, statistics


class OptimizerAverages(AveragedWeights):
    """Validates, tests and saves the weights that ``torch.optim.ASGD`` averages; running statistics are averaged here.

    Args:
        key: of the average in the optimizer's state of a parameter (``ax``). A parameter without one counts as it is.
            Averaging starts after the number of steps ``t0`` in the optimizer's groups; up to then the average is the
            weights themselves.
    """

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key
        self._start = 0.0

    def averaged(self, module: nn.Module) -> dict[str, Tensor]:
        return statistics(module)

    def current(self, trainer: lightning.Trainer, module: nn.Module) -> Mapping[str, Tensor]:
        state = trainer.optimizers[0].state
        kept = {name: state[p][self.key] for name, p in module.named_parameters() if self.key in state.get(p, ())}
        return {**kept, **self.averages} if kept else {}

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        super().on_train_start(trainer, pl_module)
        self._start = float(trainer.optimizers[0].param_groups[0].get("t0", 0))

    def weight(self, trainer: lightning.Trainer) -> float:
        # that of ASGD in this step: the one that it computed at the end of the step before
        return 1 / max(1.0, trainer.global_step - 1 - self._start)
