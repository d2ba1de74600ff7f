"""One model and one loss, or a weighted sum of losses on one or several of the model's heads."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torchmetrics import Metric

from lossbook.errors import UserError, refuse
from lossbook.losses.contract import Term
from lossbook.losses.criteria.gather import gather
from lossbook.losses.objective import Objective
from lossbook.targets.encoding import Prediction
from lossbook.tasks.step import Observation, Step
from lossbook.tasks.task import Batch, Task, of_head, thresholds_of

Output: TypeAlias = "Tensor | tuple[Tensor, ...]"
Outputs: TypeAlias = "dict[str, tuple[Output, Tensor | None]]"  # by head: the model's output, and lengths of sequences


class Supervised(Task):
    """Trains one model on the terms of a loss.

    Args:
        model: takes ``input``, or ``input, input_lengths``; gives (N, K), (N, K, H, W), or (N, T, K) with lengths. With
            several heads it gives a dict of these by head, or one tensor with the channels of all, in their order.
        terms: of the loss by name, each with its objective on the data at hand.
    """

    def __init__(self, model: nn.Module, terms: Mapping[str, tuple[Term, Objective]]) -> None:
        super().__init__({"model": model}, terms)
        self.model = model
        self.takes_lengths = "input_lengths" in inspect.signature(model.forward).parameters
        heads = [term.target for term, _ in terms.values()]
        self._terms = list(zip(self.terms, heads, self.objectives.values(), strict=True))
        self._widths = [one.output_size for one in self.heads.values()]

    def step(self, batch: Batch, turn: str = "") -> Step:
        return self.losses(self.outputs(batch), batch)

    def outputs(self, batch: Batch) -> Outputs:
        """Compute the model's output for a batch, by head.

        Raises:
            UserError: it gave something else than this task takes.
        """
        inputs = batch["input"]
        if isinstance(inputs, tuple):
            return self._outputs_of_several(inputs, batch.get("clean"))
        output = self.model(inputs, batch.get("input_lengths")) if self.takes_lengths else self.model(inputs)
        if len(self.heads) == 1:
            ((name, objective),) = self.heads.items()
            if isinstance(output, Tensor):
                return {name: (output, None)}
            return {name: _with_lengths(output, objective)}
        return self._split(output)

    def losses(self, outputs: Outputs, batch: Batch) -> Step:
        """Compute the loss of each term on the model's outputs, and their weighted sum."""
        step: Step | None = None
        for name, head, objective in self._terms:
            result = objective(outputs[head][0], of_head(batch, head), outputs[head][1])
            if step is None:
                step = Step.of(result, name, head, self.terms[name])
                continue
            step.add(name, result.loss, self.terms[name], result.weight)
            if head in step.heads:
                step.heads[head].metrics.update(result.metrics)
            else:
                step.heads[head] = Observation.of(result)
        assert step is not None, "a loss has a term"
        return step

    def predict(self, batch: Batch, thresholds: Mapping[str, Tensor] | None = None) -> dict[str, Prediction]:
        found = {}
        for head, (output, lengths) in self.outputs(batch).items():
            found[head] = self.heads[head].predict(output, lengths, thresholds_of(thresholds or {}, head))
        return found

    @torch.no_grad()
    def before_evaluation(
        self, metrics: Mapping[str, Mapping[str, Metric]], gallery: Callable[[], Iterable[Batch] | None]
    ) -> None:
        """Embed the training part, for metrics that look for neighbours in it."""
        looking = {
            head: found
            for head, named in metrics.items()
            if (found := [metric for metric in named.values() if getattr(metric, "takes_gallery", False)])
        }
        batches = gallery() if looking else None
        if batches is None:
            return
        rows: dict[str, tuple[list[Tensor], list[Tensor]]] = {head: ([], []) for head in looking}
        for batch in batches:
            outputs = self.outputs(batch)
            for head, (embeddings, classes) in rows.items():
                output = outputs[head][0]
                assert isinstance(output, Tensor), "the training part is given without views or pairs"
                embeddings.append(self.heads[head].activate(output))
                classes.append(of_head(batch, head)["target"].to(embeddings[-1].device).long())
        for head, (embeddings, classes) in rows.items():
            _, *whole = gather(torch.cat(embeddings), torch.cat(classes))  # each process has embedded its share
            for metric in looking[head]:
                metric.gallery = tuple(whole)

    def _outputs_of_several(self, inputs: tuple[Tensor, ...], clean: Tensor | None) -> Outputs:
        """One pass for all inputs of a sample: faster, and batch norm sees them together."""
        inputs = inputs if clean is None else (*inputs, clean)
        output = self.model(torch.cat(inputs))
        if not isinstance(output, Tensor):
            raise no_tensor(output)
        (name,) = self.heads
        return {name: (output.chunk(len(inputs)), None)}

    def _split(self, output: Any) -> Outputs:
        """The output of each head of several."""
        if isinstance(output, Tensor):
            if output.ndim < 2 or output.shape[1] != sum(self._widths):
                each = ", ".join(f"{name} {width}" for name, width in zip(self.heads, self._widths, strict=True))
                raise refuse(
                    f"The model gave an output of shape {tuple(output.shape)}.",
                    f"The heads take {sum(self._widths)} channels together: {each}.",
                    "build the model with the output_size that it is given, or return a dict by head",
                )
            parts = output.split(self._widths, dim=1)
            return {name: (part, None) for name, part in zip(self.heads, parts, strict=True)}
        if not isinstance(output, Mapping) or output.keys() != self.heads.keys():
            raise no_tensor(output, heads=list(self.heads))
        return {
            name: (output[name], None) if isinstance(output[name], Tensor) else _with_lengths(output[name], objective)
            for name, objective in self.heads.items()
        }


def _with_lengths(output: Any, objective: Objective) -> tuple[Tensor, Tensor]:
    sequence = objective.kind.output == "sequence"
    if not (sequence and isinstance(output, tuple) and len(output) == 2 and isinstance(output[0], Tensor)):
        raise no_tensor(output, sequence)
    return output


def no_tensor(output: Any, sequence: bool = False, heads: list[str] | None = None) -> UserError:
    """Return the refusal of a model's output that is no tensor, nor one with lengths, nor a dict by head."""
    what = "None" if output is None else f"a {type(output).__name__}"
    if isinstance(output, Mapping):
        what += f" of {', '.join(map(str, output))}"
    elif isinstance(output, (tuple, list)):
        what += f" of {len(output)}"
    if heads:
        rule = f"With several heads it gives one tensor with the channels of all, or a dict of {', '.join(heads)}."
        return refuse(f"The model gave {what}.", rule, "a dict with the name of each head")
    rule = "It gives one tensor, the scores" + (", or a tuple of it and the lengths (N,)." if sequence else ".")
    return refuse(f"The model gave {what}.", rule, "return the scores alone, such as output['logits'] or output[0]")
