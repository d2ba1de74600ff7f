"""What is measured on the training part: class counts, and the means and scales of targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from lossbook.data.reader import Reader
from lossbook.data.schema import Schema, entry
from lossbook.data.source import PARTS, Normalise, Part, Parts, sample_count
from lossbook.targets import KINDS


def describe(schema: Schema, train: Part) -> Schema:
    """Return the schema with the statistics of this training part: samples, class counts, mean and scale of targets.

    Counts and means are taken over all rows of a target (see ``Schema``). A column that is constant has scale 1.
    """
    samples = sample_count(train)
    if samples == 0:  # a checkpoint is only tested, and brings them along
        return replace(schema, samples=0)
    schema = replace(schema, samples=samples)
    if schema.targets:
        found = {name: _described(one, train, name) for name, one in schema.targets.items()}
        return replace(schema, targets=found)
    return _described(schema, train)


def _described(schema: Schema, train: Part, name: str = "") -> Schema:
    kind = KINDS[schema.target]
    if isinstance(train, Mapping):
        target = train.get(entry(name))
    else:  # a dataset out of memory offers the targets of its samples at most
        known = None if name else getattr(train, "targets", None)
        listed = schema.target == "class" and known is not None
        target = torch.as_tensor(known) if listed or isinstance(known, Tensor) else None
        if target is None:
            return replace(schema, class_counts=())
    return replace(schema, **kind.statistics(target, schema)) if isinstance(target, Tensor) else schema


def described_parts(
    schema: Schema,
    parts: Mapping[str, Part],
    normalise: Normalise | None = None,
    notes: Sequence[str] = (),
    reader: Reader | None = None,
) -> Parts:
    """Return ``Parts`` from ``train``, ``val`` and ``test`` and a schema that still lacks its statistics."""
    described = describe(schema, parts["train"])
    train, val, test = (parts[name] for name in PARTS)
    return Parts(described, train, val, test, normalise, reader=reader, notes=tuple(notes))
