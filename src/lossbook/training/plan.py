"""Describe the plan of a run where its options do not: classes, class weights, layers, averages, length."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import StochasticWeightAveraging, WeightAveraging
from torch import Tensor

from lossbook.config.other_class import left_over
from lossbook.config.training_batches import MIXES
from lossbook.data.positive_class import class_names
from lossbook.errors import typed
from lossbook.formatting import plural
from lossbook.losses.objective import Objective
from lossbook.training.assemble import Assembly
from lossbook.training.callbacks.averaged_weights import AveragedWeights

_MOST = 8  # classes that are listed
_SAID = ("_target_", "gives", "takes", "embedding_dim", "strict")  # of a model: shown elsewhere, or by its output


def classes(objective: Objective) -> str:
    """Return the names of the classes, and which of two is the positive one; empty where they are only numbered."""
    schema = objective.schema
    if objective.kind.output == "sequence":
        return "".join(schema.alphabet)
    if not schema.classes:
        return ""
    names = class_names(schema)
    two = schema.target == "class" and schema.classes == 2 and "f1" in objective.directions()
    if names == tuple(map(str, range(len(names)))) and not two:
        return ""
    positive = f"; positive, for f1: {names[-1 if schema.positive is None else schema.positive]}" if two else ""
    return _several(names) + positive


def weights(objective: Objective, criterion: Mapping[str, Any]) -> list[str]:
    """Return each kind of class weights of the criterion, with its values by class."""
    names, found = class_names(objective.schema), []
    for key in ("weight", "pos_weight"):
        values = getattr(objective.criterion, key, None) if criterion.get(key) is not None else None
        if isinstance(values, Tensor):
            numbers = [f"{value:.3g}" for value in values.flatten().tolist()]
            by_name = [f"{name} {number}" for name, number in zip(names, numbers, strict=False)]
            shown = by_name if len(names) == len(numbers) else numbers
            found.append(f"{key}{' auto' if criterion[key] == 'auto' else ''}: {_several(shown)}")
    return found


def model(config: Mapping[str, Any], assembly: Assembly) -> str:
    """Return the network's class, its number of parameters, and its options."""
    network = getattr(assembly.module, "model", assembly.module)
    parameters = sum(p.numel() for p in assembly.module.parameters() if p.requires_grad)
    unsaid = {*_SAID, *left_over(config)}
    node = {key: value for key, value in config["model"].items() if key not in unsaid}
    if {"arch", "name", "encoder"} & set(node) and node.get("weights") is None:
        node["weights"] = "pretrained" if node.get("pretrained") else "random"
    shown = [f"{key} {_value(value)}" for key, value in node.items() if value and not isinstance(value, bool)]
    return ", ".join([f"{type(network).__name__}, {parameters:,} parameters", *shown])


def augmentation(config: Mapping[str, Any]) -> str:
    """Return the modules that augment training batches, with their arguments, and what mixes samples."""
    found = []
    for node in config["data"].get("augment") or ():
        given = ", ".join(f"{key}={typed(value)}" for key, value in node.items() if key != "_target_")
        found.append(node["_target_"].rpartition(".")[2] + (f"({given})" if given else ""))
    found += [f"{key}({typed(alpha)})" for key in MIXES if (alpha := config["data"].get(key)) is not None]
    return ", ".join(found)


def averaging(trainer: L.Trainer) -> str:
    """Return the callbacks whose averages replace the trained weights."""
    found = []
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, (AveragedWeights, WeightAveraging, StochasticWeightAveraging)):
            own = [f"{key} {_value(getattr(callback, key))}" for key in ("decay", "start") if hasattr(callback, key)]
            found.append(", ".join([f"{type(callback).__name__} of the weights", *own]))
    return "; ".join(found)


def training(config: Mapping[str, Any], assembly: Assembly, trainer: L.Trainer) -> str:
    """Return the planned length of the run, its batches, and how gradients are accumulated and clipped."""
    together = trainer.accumulate_grad_batches
    batches: float = math.ceil(len(assembly.data.train_dataloader()) / max(1, trainer.world_size))
    limit = getattr(trainer, "overfit_batches", 0) or trainer.limit_train_batches
    batches = min(batches, limit) if isinstance(limit, int) else int(batches * limit)
    steps = plural(math.ceil(batches / together), "step")
    size, epochs = assembly.data.batch_size, trainer.max_epochs or -1
    parts = [f"{plural(epochs, 'epoch')} of {steps}" if epochs > 0 else f"epochs of {steps}"]
    if trainer.max_steps > 0:
        parts.append(f"at most {plural(trainer.max_steps, 'step')}")
    parts.append("all samples in a batch" if size == "all" else f"batches of {size}")
    if config["data"].get("sampling"):
        parts.append(f"classes {config['data']['sampling']}")
    if together > 1:
        parts.append(f"gradients of {together} batches a step")
    if trainer.gradient_clip_val:
        by = trainer.gradient_clip_algorithm or "norm"
        parts.append(f"gradients clipped at {by} {trainer.gradient_clip_val:g}")
    return ", ".join(parts)


def place(config: Mapping[str, Any]) -> str:
    """Return the file or folder of the data, where the user names it."""
    root = config["data"].get("root")
    return f"{Path(str(root)).name}: " if root else ""


def _several(names: Sequence[str]) -> str:
    more = len(names) - _MOST
    return ", ".join(names) if more < 2 else f"{', '.join(names[:_MOST])} and {more} more"


def _value(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return "-".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
