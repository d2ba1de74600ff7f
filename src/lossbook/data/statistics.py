"""What is measured on the training part: class counts, and the means and scales of features and targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from lossbook.data.schema import Schema
from lossbook.data.source import Normalise, Part, Parts, sample_count


def describe(schema: Schema, train: Part) -> Schema:
    """The schema with the statistics of this training part: samples, class counts, mean and scale of the targets.

    Counts and means are taken over all rows of ``target`` (see ``Schema``). A column that is constant has scale 1.
    """
    samples = sample_count(train)
    if not isinstance(train, Mapping):
        targets = getattr(train, "targets", None) if schema.target == "class" else None
        return replace(
            schema, samples=samples, class_counts=() if targets is None else _counts(targets, schema.classes)
        )
    schema, target = replace(schema, samples=samples), train.get("target")
    if not isinstance(target, Tensor):
        return schema
    if schema.target in ("class", "mask"):
        return replace(schema, class_counts=_counts(target, schema.classes))
    if schema.target in ("multilabel", "value", "count"):
        target = target.reshape(len(target), -1)  # another shape is told where targets are checked
    if schema.target == "multilabel":
        return replace(schema, class_counts=tuple(target.long().sum(0).tolist()))
    if schema.target in ("value", "count"):
        mean, scale = mean_and_scale(target.double().numpy())
        return replace(schema, mean=tuple(mean.tolist()), scale=tuple(scale.tolist()))
    return schema


def described_parts(
    schema: Schema, parts: Mapping[str, Part], normalise: Normalise | None = None, notes: Sequence[str] = ()
) -> Parts:
    """``Parts`` from ``train``, ``val`` and ``test`` and a schema that still lacks its statistics."""
    described = describe(schema, parts["train"])
    return Parts(described, parts["train"], parts["val"], parts["test"], normalise, notes=tuple(notes))


def _counts(targets: Tensor | Sequence[int], classes: int | None) -> tuple[int, ...]:
    """How often each class occurs; other indices (-100, 255) are ignored by a loss, or told where it checks targets."""
    assert classes
    target = torch.as_tensor(targets)
    inside = target[(target >= 0) & (target < classes)]
    return tuple(torch.bincount(inside.long(), minlength=classes).tolist())


def mean_and_scale(columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and population standard deviation of each column of (N, F); 1 where a column does not vary."""
    scale = columns.std(0)
    return columns.mean(0), np.where(scale > 1e-12 * np.abs(columns).max(0, initial=0.0), scale, 1.0)
