"""What predicts: any network that says how its inputs are read and what its outputs mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from lossbook.data.fitted import FittedData
from lossbook.data.preparing import Preparing
from lossbook.errors import refuse
from lossbook.export.checkpoint import trained
from lossbook.losses.objective import Objective
from lossbook.targets.encoding import Prediction
from lossbook.tasks.task import thresholds_of
from lossbook.training.fit import quiet
from lossbook.training.trainer import test_trainer

_ACCELERATORS = {"auto": "auto", "cpu": "cpu", "cuda": "cuda"}


class Network(Protocol):
    """A trained network, whatever runs it.

    Attributes:
        fitted: what its data was fitted to.
        heads: what decodes each output, by the head's name; the empty name where there is one alone.
        thresholds: those chosen on validation, by the metric's name, behind the head's.
    """

    @property
    def fitted(self) -> FittedData: ...

    @property
    def heads(self) -> Mapping[str, Objective]: ...

    @property
    def thresholds(self) -> Mapping[str, Tensor]: ...

    def outputs(self, batch: Mapping[str, Any]) -> Mapping[str, tuple[Tensor, Tensor | None]]:
        """Return the network's output, and the lengths of sequences, by head.

        Args:
            batch: as a reader gives it, on the CPU: neither scaled nor normalised.
        """


class CheckpointNetwork:
    """The network of a checkpoint, run by torch as a test of the checkpoint runs it.

    Args:
        values: the checkpoint's config, resolved, as plain containers.
        device: ``auto``, ``cpu`` or ``cuda``.

    Raises:
        UserError: the checkpoint is damaged, of an earlier version, or there is no such device.
    """

    def __init__(self, values: Mapping[str, Any], device: str = "auto") -> None:
        if device == "cuda" and not torch.cuda.is_available():
            raise refuse(
                "device=cuda", "torch finds no CUDA or ROCm GPU on this machine.", "device=cpu, or device=auto"
            )
        found = trained(values)
        if not hasattr(found.task, "outputs"):
            rule = "Predictions are decoded from the outputs of a task's networks, and this one has no outputs(batch)."
            raise refuse(f"task={type(found.task).__name__}", rule, "task=supervised")
        self.task: Any = found.task
        self.fitted = found.fitted
        self.heads = found.task.heads
        precision = values["trainer"].get("precision", "32-true")
        with quiet():
            trainer = test_trainer({"accelerator": _ACCELERATORS[device], "devices": 1, "precision": precision})
        self.device: torch.device = trainer.strategy.root_device
        self._precision = trainer.precision_plugin
        self._precision.convert_module(nn.ModuleDict(found.task.modules).to(self.device).eval())
        self.thresholds = {name: torch.tensor(value).to(self.device) for name, value in found.thresholds.items()}
        self._preparing = Preparing(found.fitted.normalise)

    def outputs(self, batch: Mapping[str, Any]) -> Mapping[str, tuple[Tensor, Tensor | None]]:
        moved = {key: column.to(self.device) for key, column in batch.items()}
        prepared = self._precision.convert_input(self._preparing.plain(moved))
        with torch.inference_mode(), self._precision.forward_context():
            found: Mapping[str, tuple[Tensor, Tensor | None]] = self.task.outputs(prepared)
        return found


def decided(network: Network, batch: Mapping[str, Any]) -> dict[str, Prediction]:
    """Return what a network says of a batch, by head, on the CPU; of a single input it has embeddings at most.

    Args:
        network: of a checkpoint, or of another format.
        batch: as a reader gives it.
    """
    found = {}
    with torch.inference_mode():
        for head, (output, lengths) in network.outputs(batch).items():
            objective = network.heads[head]
            if objective.encoding.role == "embedding":
                found[head] = _on_cpu(Prediction(objective.activate(output)))
                continue
            found[head] = _on_cpu(objective.predict(output, lengths, thresholds_of(network.thresholds, head)))
    return found


def _on_cpu(prediction: Prediction) -> Prediction:
    probability, confidence = prediction.probability, prediction.confidence
    return Prediction(
        prediction.decision.cpu(),
        None if probability is None else probability.cpu(),
        None if confidence is None else confidence.cpu(),
    )
