"""What a Dataset says of its targets and classes by itself, so that nothing has to be decoded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.data import ConcatDataset, Subset, TensorDataset

from lossbook.data.datasets.item import ItemError
from lossbook.data.datasets.part import ItemSource
from lossbook.data.datasets.targets import TargetForm, class_value

_TARGETS = ("targets", "labels")  # as torchvision's sets and most others call them


def known_targets(dataset: Any) -> Sequence[Any] | Tensor | np.ndarray | None:
    """Return the targets of all items as the Dataset would give them, in its order; None where it does not hold them.

    A Dataset with a ``target_transform`` holds other targets than it gives.
    """
    if isinstance(dataset, Subset):
        whole = known_targets(dataset.dataset)
        return None if whole is None else [whole[index] for index in dataset.indices]
    if isinstance(dataset, ConcatDataset):
        every = [known_targets(one) for one in dataset.datasets]
        return None if any(one is None for one in every) else [target for one in every for target in one or ()]
    if isinstance(dataset, TensorDataset):
        return dataset.tensors[1] if len(dataset.tensors) == 2 else None
    if getattr(dataset, "target_transform", None) is not None:
        return None
    for name in _TARGETS:
        found = getattr(dataset, name, None)
        if isinstance(found, (list, tuple, np.ndarray, Tensor)) and len(found) == len(dataset):
            return found
    return None


def known_classes(dataset: Any) -> tuple[str, ...] | None:
    """Return the names of the classes, in order of their indices; None where the Dataset does not say."""
    if isinstance(dataset, Subset):
        return known_classes(dataset.dataset)
    if isinstance(dataset, ConcatDataset):
        every = {known_classes(one) for one in dataset.datasets}
        return every.pop() if len(every) == 1 else None
    found = getattr(dataset, "class_to_idx", None)
    if isinstance(found, Mapping) and sorted(found.values()) == list(range(len(found))):
        return tuple(str(name) for name in sorted(found, key=found.__getitem__))
    found = getattr(dataset, "classes", None)
    if isinstance(found, (list, tuple)) and found and all(isinstance(name, str) for name in found):
        return tuple(found) if len(set(found)) == len(found) else None
    return None


def are_given(held: Any, source: ItemSource, kind: str) -> bool:
    """Return whether the first, the middle and the last item give the targets that a Dataset holds."""
    try:
        return all(
            _comparable(held[row], kind) == _comparable(source.item(row).target, kind)
            for row in sorted({0, len(source) // 2, len(source) - 1})
        )
    except ItemError:
        return False


def _comparable(target: Any, kind: str) -> Any:
    return class_value(target) if kind == "class" else TargetForm(kind).read(target).tolist()
