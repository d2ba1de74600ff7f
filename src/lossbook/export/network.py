"""A trained network as it is exported: from inputs as a reader gives them to predictions in the data's own terms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lossbook.data.fitted import FittedData
from lossbook.errors import refuse
from lossbook.losses.objective import Objective
from lossbook.tasks.task import Task, thresholds_of

INPUT, LENGTHS = "input", "input_lengths"


class RawNetwork(nn.Module):
    """Normalises inputs, runs a task's networks, and decodes their outputs; in evaluation mode, on the CPU, in float32.

    Args:
        task: with its trained weights.
        fitted: what its data was fitted to.
        thresholds: those that metrics have chosen on validation, by the metric's name, behind the head's.

    Attributes:
        inputs: names of the arguments of ``forward``, in order.
        outputs: names of what ``forward`` gives, in order; known after the first call.

    Raises:
        UserError: the task does not tell the outputs of its networks.
    """

    factor: Tensor
    offset: Tensor

    def __init__(self, task: Task, fitted: FittedData, thresholds: Mapping[str, float] | None = None) -> None:
        super().__init__()
        run: Callable[[dict[str, Any]], Any] | None = getattr(task, "outputs", None)
        if run is None:
            rule = "What is exported are the outputs of a task's networks, and this one has no outputs(batch)."
            raise refuse(f"task={type(task).__name__}", rule, "task=supervised")
        self.networks = nn.ModuleDict(task.networks).float().cpu().eval()
        self.heads = task.heads
        self.inputs = (INPUT, LENGTHS) if getattr(task, "takes_lengths", False) else (INPUT,)
        self.outputs: tuple[str, ...] = ()
        self._run = run
        self._thresholds = dict(thresholds or {})
        self.normalises = fitted.normalise is not None
        if fitted.normalise is not None:
            mean, scale = torch.tensor(fitted.normalise)[:, :, None, None]
            self.register_buffer("factor", 1 / scale)
            self.register_buffer("offset", -mean / scale)

    def forward(self, input: Tensor, input_lengths: Tensor | None = None) -> tuple[Tensor, ...]:
        """Map inputs to the outputs that ``outputs`` names.

        Args:
            input: (N, C, H, W) float32, of bytes divided by 255, not normalised; (N, F) float32; tokens (N, L) int64.
            input_lengths: (N,) int64, for networks that take them.

        Returns:
            For each head ``output`` (the network's), ``lengths`` (N,) of sequences, ``prediction`` and ``probability``
            where there are such; with several heads their names stand before it (``digit_output``).
        """
        batch = {INPUT: input * self.factor + self.offset if self.normalises else input}
        if input_lengths is not None:
            batch[LENGTHS] = input_lengths
        found: dict[str, Tensor] = {}
        for head, (output, lengths) in self._run(batch).items():
            for name, value in self._decoded(head, output, lengths).items():
                found[f"{head}_{name}" if head else name] = value
        self.outputs = tuple(found)
        return tuple(found.values())

    @torch.no_grad()
    def named(self, inputs: Sequence[Tensor]) -> dict[str, Tensor]:
        """Return the outputs for a batch, by name."""
        values = self(*inputs)
        return dict(zip(self.outputs, values, strict=True))

    def takes(self, inputs: Sequence[Tensor]) -> bool:
        """Whether the network takes inputs of these sizes."""
        try:
            self.named(inputs)
        except Exception:  # of torch or of the network's own code, of any class
            return False
        return True

    @torch.no_grad()
    def decided(self, found: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return what follows from the outputs of networks, as ``forward`` names them."""
        said: dict[str, Tensor] = {}
        for head in self.heads:
            before = f"{head}_" if head else ""
            decoded = self._decoded(head, found[f"{before}output"], found.get(f"{before}lengths"))
            said |= {before + name: value for name, value in decoded.items() if name in ("prediction", "probability")}
        return said

    def _decoded(self, head: str, output: Tensor, lengths: Tensor | None) -> dict[str, Tensor]:
        """What is exported of a head's output, by name."""
        objective = self.heads[head]
        found = {"output": output}
        if lengths is not None:
            found["lengths"] = lengths
        if objective.kind.output == "sequence":  # ONNX has no stable sort, with which texts are read
            return found
        if embeds(objective):
            return {**found, "prediction": objective.activate(output)}
        own = {name: torch.tensor(value) for name, value in thresholds_of(self._thresholds, head).items()}
        said = objective.predict(output, lengths, own)
        found["prediction"] = said.decision
        if said.probability is not None:
            found["probability"] = said.probability
        return found


def embeds(objective: Objective) -> bool:
    """Whether a head gives embeddings: of one input alone nothing else can be said."""
    return objective.encoding.role == "embedding"
