"""The objective: a contract at work on one dataset."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from lossbook.data.mixing import PARTNER, SHARE
from lossbook.data.schema import Schema
from lossbook.errors import UserError, refuse
from lossbook.losses.activations import ACTIVATIONS, PROBABILITIES
from lossbook.losses.inputs.arguments import Arguments
from lossbook.losses.inputs.single import Single
from lossbook.losses.result import LossResult
from lossbook.losses.sample_weights import (
    no_own_terms,
    reduced_all_the_same,
    reduces,
    require_weights,
    unreduced,
    weighted,
)
from lossbook.losses.unrounded import unrounded
from lossbook.metrics.temperature import Temperature
from lossbook.targets import KINDS
from lossbook.targets.encoding import TEMPERATURE, Encoding, Measure, Prediction

_WEIGHTS = "A batch holds sample weights ('weight')."


class FormInputs(Protocol):
    """Forms the criterion's arguments from scores, batch and lengths."""

    def __call__(self, scores: Any, batch: dict[str, Any], lengths: Tensor | None) -> Arguments: ...

    def observed(self, scores: Any, lengths: Tensor | None) -> Tensor:
        """Return what metrics and predictions decide upon."""


class Objective(nn.Module):
    """Activates the output, forms the criterion's arguments, computes, and says what can be measured.

    Args:
        schema: what the data promises.
        encoding: how the target becomes the criterion's.
        criterion: any callable that takes what ``inputs`` forms.
        inputs: forms the criterion's arguments from scores, batch and lengths.
        activation: between the model's raw output and the criterion, by name.
        reduction: what the criterion does to the losses of a batch.
        probabilities: what turns the criterion's input into probabilities, by name; ``none`` where nothing does.
    """

    def __init__(
        self,
        schema: Schema,
        encoding: Encoding,
        criterion: Callable[..., Tensor],
        inputs: FormInputs,
        activation: str = "none",
        reduction: str = "mean",
        probabilities: str = "none",
    ) -> None:
        super().__init__()
        self.schema = schema
        self.kind = KINDS[schema.target]
        self.encoding = encoding
        self.criterion = criterion
        self.inputs = inputs
        self.activation = activation
        self.reduction = reduction
        self.probabilities = probabilities
        self.more_measures: Callable[[], dict[str, Measure]] = dict  # that the config adds
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
    ) -> LossResult:
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
        if SHARE in batch:
            return self._of_mixed(output, batch, lengths)
        device = (output[0] if isinstance(output, tuple) else output).device.type
        if torch.is_autocast_enabled(device):
            with torch.autocast(device, enabled=False):  # similarities in bfloat16 would have two digits
                return self._step(output, batch, lengths)
        return self._step(output, batch, lengths)

    def _of_mixed(self, output: Any, batch: dict[str, Any], lengths: Tensor | None) -> LossResult:
        """The outcome of a batch of mixed samples: by their mixed values, or by the weighted losses of both targets.

        The latter has the gradient of a mixed target wherever the loss is linear in it, or a square. Metrics see the
        target of the larger share.
        """
        rest = {key: value for key, value in batch.items() if key not in (PARTNER, SHARE)}
        partner, share, target = batch[PARTNER], batch[SHARE].float(), batch["target"]
        other, weight = target[partner], batch.get("weight", torch.ones_like(share))
        if self.kind.mixing == "values":
            own = share.view(-1, *[1] * (target.ndim - 1)).to(target.dtype)
            rest["target"] = own * target + (1 - own) * other
            if "weight" in rest:
                rest["weight"] = share * weight + (1 - share) * weight[partner]
            return self(output, rest, lengths)
        rest["target"] = torch.cat([target, other])
        rest["weight"] = torch.cat([share * weight, (1 - share) * weight[partner]])
        result = self(torch.cat([output, output]), rest, lengths)
        larger = (share >= 0.5).view(-1, *[1] * (target.ndim - 1))
        return replace(result, scores=result.scores[: len(target)], target=torch.where(larger, target, other))

    def _step(self, output: Tensor | tuple[Tensor, ...], batch: dict[str, Any], lengths: Tensor | None) -> LossResult:
        if (target := batch.get("target")) is not None and (prepared := self.kind.prepared(target)) is not target:
            batch = {**batch, "target": prepared}
        if (weight := batch.get("weight")) is not None:
            self.require_own_terms(_WEIGHTS)
        scores = tuple(map(self.activate, output)) if isinstance(output, tuple) else self.activate(output)
        arguments = self.inputs(scores, batch, lengths)
        target = arguments.target
        kept = arguments.scores.detach()
        if isinstance(arguments.count, int) and arguments.count == 0:
            # no pair or triplet in this batch: nothing to learn from it, and nothing to average
            every = torch.cat(scores) if isinstance(scores, tuple) else scores
            return LossResult(every.sum() * 0.0, 0, kept, target)
        count = arguments.count
        if weight is not None:
            return self._weighted(arguments, weight, kept)
        if self.passes_over_ignored and isinstance(count, Tensor):
            return self._unless_ignored(arguments, count, kept)
        losses = self._losses(arguments)
        # a GPU would have to wait for the count; there the meter finds out when it is read
        if isinstance(count, Tensor) and count.device.type == "cpu" and count == 0:
            raise every_target_ignored()
        return self._reduced(losses, arguments, kept)

    def _losses(self, arguments: Arguments) -> Tensor:
        losses = self.criterion(*arguments.args)
        if not isinstance(losses, Tensor):
            rule = "It gives a tensor: a number, or one for each sample or element."
            raise refuse(f"loss.criterion gave {'None' if losses is None else f'a {type(losses).__name__}'}.", rule)
        return losses

    def _reduced(self, losses: Tensor, arguments: Arguments, kept: Tensor) -> LossResult:
        count, target = arguments.count, arguments.target
        if losses.ndim > 0:
            return LossResult(losses.sum() / count, count, kept, target, arguments.metrics, losses.detach())
        if self.reduction == "sum":
            return LossResult(losses, 1, kept, target, arguments.metrics, count=count)
        return LossResult(losses, count, kept, target, arguments.metrics)

    def _weighted(self, arguments: Arguments, weight: Tensor, kept: Tensor) -> LossResult:
        """A batch's outcome by the weights (N,) of its samples; metrics do not weigh."""
        with unreduced(self.criterion):
            losses = self._losses(arguments)
        if losses.shape[:1] != weight.shape:
            raise reduced_all_the_same(_WEIGHTS, tuple(losses.shape), len(weight))
        each, shares = self.inputs.per_sample(losses, arguments, self.reduction)  # type: ignore[attr-defined]
        if shares.device.type == "cpu" and not self.passes_over_ignored and not shares.any():
            raise every_target_ignored()
        apart = losses.detach() if self.reduction == "none" else None
        target, metrics, count = arguments.target, arguments.metrics, arguments.count
        if self.reduction == "sum":
            return LossResult((weight.to(each.dtype) * each).sum(), 1, kept, target, metrics, apart, count)
        loss, total = weighted(each, shares, weight)
        return LossResult(loss, total, kept, target, metrics, apart, count)

    def require_own_terms(self, given: str) -> None:
        """Refuse what weighs samples where they have no losses of their own.

        Args:
            given: what asks for it.
        """
        if not (getattr(self.inputs, "own_terms", False) and reduces(self.criterion)):
            raise no_own_terms(given, self.criterion, type(self.inputs).__name__)

    def _unless_ignored(self, arguments: Arguments, count: Tensor, kept: Tensor) -> LossResult:
        """A batch's outcome, with loss and gradient 0 in place of nan where its targets are ignored; no waiting."""
        ignored = count == 0
        scores = arguments.args[0]
        if scores.requires_grad:
            scores.register_hook(lambda gradient: gradient.masked_fill(ignored, 0.0))
        step = self._reduced(self._losses(arguments), arguments, kept)
        return replace(step, loss=step.loss.masked_fill(ignored, 0.0))

    def activate(self, output: Tensor) -> Tensor:
        """The criterion's input from the model's raw output, in float32 at least: few losses know less."""
        output = output.float() if output.dtype in (torch.bfloat16, torch.float16) else output
        return self.encoding.placed(ACTIVATIONS[self.activation](output, self._class_dim(output)))

    def predict(
        self,
        output: Tensor | tuple[Tensor, ...],
        lengths: Tensor | None = None,
        thresholds: Mapping[str, Tensor] | None = None,
    ) -> Prediction:
        """Return decision, probability and confidence for a batch.

        Args:
            output: of the model, as for ``forward``.
            lengths: of the output sequences, (N,); what lies beyond is not read.
            thresholds: those that metrics have chosen on validation, by the metric's name.
        """
        scores = tuple(map(self.activate, output)) if isinstance(output, tuple) else self.activate(output)
        return self.encoding.predict(self.inputs.observed(scores, lengths), self.to_probabilities, thresholds)

    @property
    def to_probabilities(self) -> Callable[[Tensor], Tensor] | None:
        """Turns scores into probabilities; None where the loss trains none."""
        function = PROBABILITIES.get(self.probabilities)
        return None if function is None else lambda scores: function(scores, self._class_dim(scores))

    def _class_dim(self, output: Tensor) -> int:
        return 2 if output.ndim == 3 and self.kind.output == "sequence" else 1

    def check(self, batch: dict[str, Any], where: str) -> None:
        """Refuse targets outside of what their kind promises; ``where`` names the batch in the message."""
        self.kind.require(batch, self.schema, where, self.encoding.ignore_index)
        if "weight" in batch:
            require_weights(batch, where)

    def measures(self) -> dict[str, Measure]:
        """Return fresh metrics by name, the encoding's most telling first, those of the config last."""
        return {**self.encoding.measures(), **self._temperature(), **self.more_measures()}

    def _temperature(self) -> dict[str, Measure]:
        """What chooses the temperature of the probabilities, where the loss trains any; it logs nothing."""
        probabilities = self.to_probabilities
        if probabilities is None or not self.encoding.calibrates:
            return {}

        def view(scores: Tensor, target: Tensor) -> tuple[Tensor, ...]:
            exclusive = self.encoding.exclusive(probabilities(scores))
            return exclusive.clamp_min(torch.finfo(exclusive.dtype).tiny).log(), target.long()

        return {TEMPERATURE: Measure(Temperature(), view)}

    def require_inputs(self, target: Tensor) -> None:
        """Refuse targets (N, ...) of a training part of which no batch could form a pair or triplet."""
        forms: Callable[[Tensor], bool] | None = getattr(self.inputs, "forms", None)
        if forms is not None and not forms(target) and (error := self.none_counted()):
            raise error

    @property
    def forms_inputs(self) -> bool:
        """Whether samples are compared within a batch, where there may be no pair, triplet or other sample."""
        return hasattr(self.inputs, "none_counted")

    def none_counted(self) -> UserError | None:
        """The error for an epoch in which no batch had anything that counts, where that is one."""
        if self.passes_over_ignored and isinstance(self.inputs, Single):
            return every_target_ignored()
        found: Callable[[], UserError | None] | None = getattr(self.inputs, "none_counted", None)
        return found() if found is not None else None

    def directions(self) -> dict[str, str | None]:
        """What may choose the best checkpoint, the most telling first: name -> ``max``, ``min``, or None: unknown."""
        found: dict[str, bool | None] = {}
        for key, measure in self.measures().items():
            found |= measure.directions(key)
        found |= {**getattr(self.inputs, "gives", {}), "loss": False}
        return {name: None if larger is None else "max" if larger else "min" for name, larger in found.items()}

    def hints(self) -> dict[str, str]:
        """What the names of metrics alone would not tell, in a few words each."""
        return {name: hint for key, measure in self.measures().items() for name, hint in measure.hints(key).items()}

    def _look_at_output(self, output: Tensor | tuple[Tensor, ...]) -> None:
        """Refuse a network that ends in a softmax: a second one flattens it, and it learns hardly anything."""
        self.output_seen = True
        applies_softmax = self.probabilities == "softmax" or self.activation.endswith("softmax")
        if isinstance(output, tuple) or output.ndim < 2 or self.encoding.width < 2 or not applies_softmax:
            return
        rows = output.detach().float()
        if bool((rows >= 0).all()) and bool(((rows.sum(dim=1) - 1).abs() < 1e-4).all()):
            raise refuse(
                "The model's outputs are probabilities: they are not negative and sum to 1.",
                "This loss takes raw scores, and applies a softmax to them itself.",
                "remove the softmax at the end of the network",
            )


def every_target_ignored() -> UserError:
    """The error for a batch without a target that counts."""
    return refuse(
        "Every target of a batch is ignored, or of a class or a sample of weight 0.",
        "The mean over nothing is nan, and so would be all weights.",
        "a larger data.batch_size, or weights above 0",
    )
