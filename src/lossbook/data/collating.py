"""Samples to a batch, where their targets may differ in size."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.utils.data import default_collate

from lossbook.data.schema import Schema, entry
from lossbook.targets import KINDS
from lossbook.targets.kind import TargetKind


class Collate:
    """Stacks samples; targets of kinds that may differ in size are collated by their kind.

    Args:
        schema: of the data.
    """

    def __init__(self, schema: Schema) -> None:
        kinds = {entry(name): KINDS[one.target] for name, one in schema.heads.items()}
        # a batch whose sizes agree by chance has all that another one has, such as lengths
        self._kinds = {key: kind for key, kind in kinds.items() if type(kind).collate is not TargetKind.collate}

    def __call__(self, samples: list[dict[str, Any]]) -> dict[str, Any]:
        own = {key: kind for key, kind in self._kinds.items() if isinstance(samples[0].get(key), Tensor)}
        rest = [{key: value for key, value in sample.items() if key not in own} for sample in samples]
        batch: dict[str, Any] = default_collate(rest if own else samples)
        for key, kind in own.items():
            for name, value in kind.collate([sample[key] for sample in samples]).items():
                batch.setdefault(key + name.removeprefix("target"), value)  # what samples say themselves counts
        return batch
