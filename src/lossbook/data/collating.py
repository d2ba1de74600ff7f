"""Samples to a batch, where their targets may differ in size."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.utils.data import default_collate

from lossbook.data.schema import Schema, entry
from lossbook.targets import KINDS


class Collate:
    """Stacks samples; targets of different sizes are collated by their kind.

    Args:
        schema: of the data.
    """

    def __init__(self, schema: Schema) -> None:
        self._kinds = {entry(name): KINDS[one.target] for name, one in schema.heads.items()}

    def __call__(self, samples: list[dict[str, Any]]) -> dict[str, Any]:
        ragged = {key: kind for key, kind in self._kinds.items() if _differ([sample.get(key) for sample in samples])}
        rest = [{key: value for key, value in sample.items() if key not in ragged} for sample in samples]
        batch: dict[str, Any] = default_collate(rest if ragged else samples)
        for key, kind in ragged.items():
            for name, value in kind.collate([sample[key] for sample in samples]).items():
                batch[key + name.removeprefix("target")] = value
        return batch


def _differ(values: list[Any]) -> bool:
    return isinstance(values[0], Tensor) and any(value.shape != values[0].shape for value in values)
