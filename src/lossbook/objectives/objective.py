"""The objective: a contract at work on one dataset."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lossbook.data.schema import Schema
from lossbook.errors import UserError, refuse
from lossbook.objectives.criteria.function import FunctionCriterion
from lossbook.objectives.encodings.classes import ClassEncoding
from lossbook.objectives.encodings.encoding import Encoding, Measure
from lossbook.objectives.inputs.arguments import Arguments
from lossbook.objectives.inputs.single import Single
from lossbook.objectives.step import Step
from lossbook.objectives.targets import check_targets
from lossbook.objectives.unrounded import unrounded

_ACTIVATIONS: dict[str, Callable[[Tensor, int], Tensor]] = {
    "none": lambda output, dim: output,
    "sigmoid": lambda output, dim: output.sigmoid(),
    "softmax": lambda output, dim: output.softmax(dim),
    "log_softmax": lambda output, dim: output.log_softmax(dim),
    "softplus": lambda output, dim: F.softplus(output),
    "normalise": lambda output, dim: F.normalize(output, dim=dim),
}

FormInputs = Callable[[Any, dict[str, Any], "Tensor | None"], Arguments]


class Objective(nn.Module):
    """Activates the output, forms the criterion's arguments, computes, and says what can be measured.

    Args:
        schema: what the data promises.
        encoding: how the target becomes the criterion's.
        criterion: any callable that takes what ``inputs`` forms.
        inputs: forms the criterion's arguments from scores, batch and lengths.
        activation: between the model's raw output and the criterion, by name.
        reduction: what the criterion does to the losses of a batch.
    """

    def __init__(
        self,
        schema: Schema,
        encoding: Encoding,
        criterion: Callable[..., Tensor],
        inputs: FormInputs,
        activation: str = "none",
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        self.schema = schema
        self.encoding = encoding
        self.criterion = criterion
        self.inputs = inputs
        self.activation = activation
        self.reduction = reduction
        self.output_seen = False
        self.passes_over_ignored = False  # a batch of ignored targets counts as nothing, and is no error

    def _apply(self, fn: Any, recurse: bool = True) -> Objective:
        return super()._apply(unrounded(fn), recurse)

    @property
    def output_size(self) -> int:
        """The width K that the model's output must have."""
        return self.encoding.width

    def forward(
        self, output: Tensor | tuple[Tensor, ...], batch: dict[str, Any], lengths: Tensor | None = None
    ) -> Step:
        """The outcome of a batch.

        Args:
            output: of the model: (N, K), (N, K, H, W) or (N, T, K); a tuple of (N, K) for tuples of inputs.
            batch: with the data's own ``target``.
            lengths: of the output sequences, (N,).

        Raises:
            UserError: for an output or batch that would train, and learn nothing.
        """
        if not self.output_seen:
            self._look_at_output(output)
        device = (output[0] if isinstance(output, tuple) else output).device.type
        if torch.is_autocast_enabled(device):
            with torch.autocast(device, enabled=False):  # similarities in bfloat16 would have two digits
                return self._step(output, batch, lengths)
        return self._step(output, batch, lengths)

    def _step(self, output: Tensor | tuple[Tensor, ...], batch: dict[str, Any], lengths: Tensor | None) -> Step:
        if self.schema.target in ("class", "mask") and batch["target"].dtype != torch.int64:
            batch = {**batch, "target": batch["target"].long()}  # torch indexes by no other
        scores = tuple(map(self.activate, output)) if isinstance(output, tuple) else self.activate(output)
        arguments = self.inputs(scores, batch, lengths)
        target = arguments.target
        kept = arguments.scores.detach()
        if isinstance(arguments.count, int) and arguments.count == 0:
            # no pair or triplet in this batch: nothing to learn from it, and nothing to average
            every = torch.cat(scores) if isinstance(scores, tuple) else scores
            return Step(every.sum() * 0.0, 0, kept, target)
        count = arguments.count
        if self.passes_over_ignored and isinstance(count, Tensor):
            return self._unless_ignored(arguments, count, kept)
        losses = self.criterion(*arguments.args)
        # a GPU would have to wait for the count; there the meter finds out when it is read
        if isinstance(count, Tensor) and count.device.type == "cpu" and count == 0:
            raise every_target_ignored()
        return self._reduced(losses, arguments, kept)

    def _reduced(self, losses: Tensor, arguments: Arguments, kept: Tensor) -> Step:
        count, target = arguments.count, arguments.target
        if losses.ndim > 0:
            return Step(losses.sum() / count, count, kept, target, arguments.figures, losses.detach())
        weight: int | Tensor = 1 if self.reduction == "sum" else count
        return Step(losses, weight, kept, target, arguments.figures)

    def _unless_ignored(self, arguments: Arguments, count: Tensor, kept: Tensor) -> Step:
        """A batch's outcome, with loss and gradient 0 in place of nan where its targets are ignored; no waiting."""
        ignored = count == 0
        scores = arguments.args[0]
        if scores.requires_grad:
            scores.register_hook(lambda gradient: gradient.masked_fill(ignored, 0.0))
        step = self._reduced(self.criterion(*arguments.args), arguments, kept)
        return replace(step, loss=step.loss.masked_fill(ignored, 0.0))

    def activate(self, output: Tensor) -> Tensor:
        """The criterion's input from the model's raw output, in float32 at least: few losses know less."""
        output = output.float() if output.dtype in (torch.bfloat16, torch.float16) else output
        dim = 2 if output.ndim == 3 and self.schema.output == "sequence" else 1
        return _ACTIVATIONS[self.activation](output, dim)

    def check(self, batch: dict[str, Any], where: str) -> None:
        """Refuse targets outside of what their kind promises; ``where`` names the batch in the message."""
        check_targets(batch, self.schema, where, self.encoding.ignore_index)

    def measures(self) -> dict[str, Measure]:
        """Fresh metrics by name, the encoding's most telling first."""
        return self.encoding.measures()

    def none_counted(self, train: bool) -> UserError | None:
        """The error for an epoch in which no batch, of training or not, had anything that counts, where that is one."""
        if self.passes_over_ignored and isinstance(self.inputs, Single):
            return every_target_ignored()
        found: Callable[[], UserError] | None = getattr(self.inputs, "none_counted", None)
        return found() if train and found is not None else None

    def watchable(self) -> list[str]:
        """The names under which figures are logged that may choose the best checkpoint, the most telling first."""
        names = [name for key, measure in self.measures().items() for name in getattr(measure.metric, "gives", (key,))]
        return [*names, *getattr(self.inputs, "gives", ()), "loss"]

    def _look_at_output(self, output: Tensor | tuple[Tensor, ...]) -> None:
        """Refuse a network that ends in a softmax: a second one flattens it, and it learns hardly anything."""
        self.output_seen = True
        if isinstance(output, tuple) or output.ndim < 2 or self.encoding.width < 2 or not self._applies_softmax():
            return
        rows = output.detach().float()
        if bool((rows >= 0).all()) and bool(((rows.sum(dim=1) - 1).abs() < 1e-4).all()):
            raise refuse(
                "The model's outputs are probabilities: they are not negative and sum to 1.",
                "This loss wants raw scores, and applies a softmax to them itself.",
                "remove the softmax at the end of the network",
            )

    def _applies_softmax(self) -> bool:
        """Whether scores become probabilities over the classes on the way to the loss."""
        function = self.criterion.function if isinstance(self.criterion, FunctionCriterion) else self.criterion
        inside = function is F.cross_entropy or isinstance(function, nn.CrossEntropyLoss)
        return isinstance(self.encoding, ClassEncoding) and (inside or self.activation.endswith("softmax"))


def every_target_ignored() -> UserError:
    """The error for a batch without a target that counts."""
    return refuse(
        "Every target of a batch is ignored, or of a class of weight 0.",
        "The mean over nothing is nan, and so would be all weights.",
        "a larger data.batch_size, or weights above 0",
    )
