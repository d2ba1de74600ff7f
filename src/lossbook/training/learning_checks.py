"""Check whether a run has learned anything: its weights moved, and its watched metric is better than chance."""

from __future__ import annotations

from collections.abc import Mapping

import lightning as L
import torch
from torch import Tensor

from lossbook.training.assemble import Assembly

# metrics whose chance level does not depend on the data
_LEVELS = {
    "r2": (0.0, "the value of always predicting the mean"),
    "d2": (0.0, "the value of always predicting the mean"),
    "auroc": (0.5, "the value of a coin"),
}


class Movement(L.Callback):
    """Tells whether training has changed any weight since its first step in this process."""

    def __init__(self) -> None:
        self._start: Tensor | None = None
        self._step = 0
        self.steps = 0  # made in this process
        self.moved = True

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._start, self._step = _sums(pl_module), trainer.global_step

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.steps = trainer.global_step - self._step
        self.moved = self._start is None or not torch.equal(self._start, _sums(pl_module))


def notes(trainer: L.Trainer, assembly: Assembly, metrics: Mapping[str, float]) -> list[str]:
    """Return signs that nothing was learned, a sentence each, with where to look.

    Args:
        trainer: after training.
        assembly: what was trained.
        metrics: metrics by tag, the watched one among them.
    """
    found = []
    movement = next((one for one in trainer.callbacks if isinstance(one, Movement)), None)  # type: ignore[attr-defined]
    if movement is not None and movement.steps and not movement.moved:
        rates = [group["lr"] for optimizer in trainer.optimizers for group in optimizer.param_groups if "lr" in group]
        reason = f"the learning rate ended at {max(rates):g}" if rates else "every step was 0"
        found.append(
            f"no weight has changed in {movement.steps:,} steps: the gradients are 0, or the steps too small for the"
            f" weights' precision ({reason}). Check optim, param_groups, and the loss's inputs."
        )
    tag, mode = assembly.module.primary
    whole = isinstance(trainer.limit_val_batches, float) and trainer.limit_val_batches == 1.0
    level = chance(tag.partition("/")[2], assembly) if whole else None
    value = metrics.get(tag)
    if level is not None and value is not None:
        number, what = level
        if (value - number) * (1 if mode == "max" else -1) <= 1e-6 * max(1.0, abs(number)):
            found.append(
                f"{tag} {value:.4f} is no better than {number:.4f}, {what}. If train/loss falls, the run is too"
                " short or overfits; if not, check optim.lr and the loss's inputs."
            )
    return found


def chance(metric: str, assembly: Assembly) -> tuple[float, str] | None:
    """What a metric of the validation part is without any input, and how; None where that is not known."""
    if metric in _LEVELS:
        return _LEVELS[metric]
    for head, objective in assembly.task.heads.items():
        if not head or metric.startswith(f"{head}_"):
            own = metric.removeprefix(f"{head}_") if head else metric
            target = assembly.data.targets("val", head)
            return _LEVELS.get(own) or objective.kind.chance(own, target, objective.schema)
    return None


def _sums(module: torch.nn.Module) -> Tensor:
    """Return two sums of each parameter, on the device: equal sums mean equal weights, almost surely."""
    parameters = [parameter.detach() for parameter in module.parameters()]
    if not parameters:
        return torch.zeros(0)
    with torch.no_grad():
        each = [torch.stack([p.double().sum(), p.double().square().sum()]) for p in parameters]
    return torch.stack([one.to(each[0].device) for one in each])
