"""The gradient of an optimizer step: that of one process which sees all samples of the step in one batch.

A step is taken over up to A batches (``trainer.accumulate_grad_batches``; fewer at an epoch's end) on each of W
processes. The loss of batch b on process p is a sum over what its mean divides by (samples, elements, weights of
classes, pairs): l_pb = s_pb / n_pb. One batch of them all would have the loss

    L = sum s / sum n.

Lightning divides every l by A, and DDP averages over the processes, which gives sum l / (A W): the same where the step
has all its A batches and all n are equal. In its place goes backward

    l_pb n_pb A W / u,

and once the step's last batch has, the gradients, which are those of sum s / u by then, are multiplied by u / sum n.
u is the sum over the processes of their first batches' n: any number would do, and this one leaves the loss its size,
which half precision needs. A step of one batch has u = sum n, and needs no second factor. A loss that is a sum itself
is l_pb = s_pb with L = sum s; it is only multiplied by A W.

Everything here is linear in the loss, and so commutes with the gradient scaler of half precision.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import lightning as L
import torch
from lightning.pytorch.strategies import DDPStrategy
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from lossbook.data.schema import Schema
from lossbook.losses.contract import Term
from lossbook.losses.objective import every_target_ignored
from lossbook.targets import KINDS
from lossbook.tasks.step import Step, TermLoss
from lossbook.training.lightning_internals import is_accumulating


class EffectiveBatch:
    """Backpropagates the losses of the batches that make up an optimizer step.

    Args:
        summed: the loss is the sum over its samples, not their mean.
    """

    def __init__(self, summed: bool) -> None:
        self.summed = summed
        self.count: float | Tensor = 1  # what the mean divides by, of the batch that goes backward next
        self._nothing: Tensor | None = None
        self.start()

    def start(self) -> None:
        """Begin a step; what came before has no part in it."""
        self._unit: Tensor | None = None
        self._counts: list[Tensor] = []

    @property
    def met_nothing(self) -> bool:
        """Whether every target of a step was ignored; asked now and then, since a GPU has to be waited for."""
        return self._nothing is not None and bool(self._nothing)

    def backward(self, module: L.LightningModule, loss: Tensor, *args: Any, **kwargs: Any) -> None:
        """Backpropagate the loss of a batch, already divided by Lightning.

        Raises:
            UserError: every target of the step is ignored (noticed on a CPU alone, see ``met_nothing``).
        """
        batches, processes = module.trainer.accumulate_grad_batches, module.trainer.world_size
        if batches == processes == 1:
            loss.backward(*args, **kwargs)
            return
        if self.summed:
            (loss * (batches * processes)).backward(*args, **kwargs)
            return
        count = torch.as_tensor(self.count, dtype=torch.float64, device=loss.device)
        self._counts.append(count)
        if self._unit is None:
            self._unit = _over_processes(count, processes)
        # without a target in the first batches any other unit will do
        unit = self._unit.where(self._unit > 0, 1.0)
        (loss * (count * batches * processes / unit).to(loss.dtype)).backward(*args, **kwargs)
        if not is_accumulating(module.trainer):
            self._complete(module.parameters(), unit, processes)

    def logged(self, module: L.LightningModule, step: Step) -> Step:
        """A batch as the metrics of an epoch take it: a sum is one over all processes."""
        if not self.summed or (processes := module.trainer.world_size) == 1:
            return step
        terms = {name: TermLoss(term.loss * processes, term.weight / processes) for name, term in step.terms.items()}
        return replace(step, terms=terms)

    def _complete(self, parameters: Iterable[nn.Parameter], unit: Tensor, processes: int) -> None:
        assert self._unit is not None
        several = len(self._counts) > 1
        total = _over_processes(torch.stack(self._counts).sum(), processes) if several else self._unit
        self.start()
        if isinstance(self.count, Tensor):  # a number is of pairs, of which a step may have none
            if total.device.type == "cpu" and total == 0:
                raise every_target_ignored()
            self._nothing = total == 0 if self._nothing is None else self._nothing | (total == 0)
        if several:
            scale_gradients(parameters, (unit / total).where(total > 0, 0.0))


@torch.no_grad()
def scale_gradients(parameters: Iterable[nn.Parameter], factor: Tensor) -> None:
    """Multiply the gradients of those parameters that have one, dense or sparse, by a scalar."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    dense = [gradient for gradient in gradients if not gradient.is_sparse]
    if dense:
        torch._foreach_mul_(dense, factor)
    for gradient in gradients:
        if gradient.is_sparse:
            gradient.mul_(factor)


@torch.no_grad()
def share_buffers(model: nn.Module, processes: int) -> None:
    """Give all processes the first one's buffers (running statistics): they are what a checkpoint holds."""
    for buffer in model.buffers() if processes > 1 else ():
        value = buffer.contiguous()
        torch.distributed.broadcast(value, src=0)
        buffer.copy_(value)


def notes(trainer: L.Trainer, module: nn.Module, terms: Sequence[Term], schema: Schema) -> list[str]:
    """What a run of several batches a step, or processes, should say: where it is not one of one large batch.

    Args:
        terms: of the loss.
        schema: of the data.
    """
    processes, batches = trainer.world_size, trainer.accumulate_grad_batches
    if processes == batches == 1:
        return []
    per = " and ".join(["process"] * (processes > 1) + ["batch"] * (batches > 1))
    kinds = [type(part) for part in module.modules()]
    said = []
    if any(issubclass(kind, _BatchNorm) and not issubclass(kind, nn.SyncBatchNorm) for kind in kinds):
        kept = "; those of the first process are kept" if processes > 1 else ""
        said.append(f"Batch norm takes its statistics per {per}, not from all samples of a step{kept}.")
    if processes > 1 and any(issubclass(kind, _DropoutNd) for kind in kinds):
        said.append("Dropout is drawn per process.")
    formed = {term.contract.inputs for term in terms if KINDS[schema.heads[term.target].target].inputs == 1}
    said += [
        f"{inputs.capitalize()} are formed per {per}, not among all samples of a step."
        for inputs in ("pairs", "triplets", "embeddings")
        if inputs in formed
    ]
    if len({term.contract.mean_over for term in terms}) > 1:
        name, over = terms[0].name, terms[0].contract.mean_over
        said.append(f"The batches of a step are weighted by the {over} of the term {name}, for the other terms, too.")
    if any(term.contract.inputs == "views" for term in terms):
        among = "the batches of all processes" if processes > 1 else "that batch alone"
        said.append(f"Views are formed per {per}; their negatives come from {among}.")
    if processes > 1 and not isinstance(trainer.strategy, DDPStrategy):
        name = type(trainer.strategy).__name__
        said.append(f"That a step equals one of a single process was checked under ddp, not under {name}.")
    return said


def _over_processes(count: Tensor, processes: int) -> Tensor:
    if processes > 1:
        count = count.clone()
        torch.distributed.all_reduce(count)
    return count
