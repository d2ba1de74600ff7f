"""A part of a user's Dataset, whose items are made samples when they are asked for."""

from __future__ import annotations

import math
import sys
import traceback
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from lossbook.data.datasets.inputs import InputForm
from lossbook.data.datasets.item import Item, ItemError, Layout
from lossbook.data.datasets.targets import TargetForm
from lossbook.errors import UserError, refuse


class ItemSource:
    """A Dataset, and how its items are laid out.

    Args:
        dataset: map-style.
        layout: of its items.
        name: for messages: ``my.Photos``.
    """

    def __init__(self, dataset: Any, layout: Layout, name: str) -> None:
        self.dataset, self.layout, self.name = dataset, layout, name

    def __len__(self) -> int:
        return len(self.dataset)

    def where(self, row: int) -> str:
        """Return how an item is called in messages."""
        return f"Item {row:,} of {self.name}"

    def item(self, row: int) -> Item:
        """Return an item, taken apart.

        Raises:
            UserError: the Dataset fails, or lays it out otherwise.
        """
        try:
            item = self.dataset[row]
        except UserError:
            raise
        except Exception as error:  # whatever the user's own code raises
            raise _failed(self.where(row), error) from error
        try:
            return self.layout.read(item)
        except ItemError as error:
            raise error.at(self.where(row)) from None


class DatasetPart(Dataset[dict[str, Any]]):
    """Samples as batches take them: ``input``, ``target``, perhaps ``weight``.

    Args:
        source: of the items.
        rows: (N,) int64, which of them.
        inputs, target: what they are made to be; ``target`` is None for kinds without one.
        targets: (N, ...) of all samples, where they are known.
    """

    def __init__(
        self,
        source: ItemSource,
        rows: np.ndarray,
        inputs: InputForm,
        target: TargetForm | None,
        targets: Tensor | None = None,
    ) -> None:
        self.source, self.rows, self.inputs, self.target = source, rows, inputs, target
        self.targets = targets

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        row = int(self.rows[index])
        item = self.source.item(row)
        try:
            read = tuple(self.inputs.read(one) for one in item.inputs)
            sample: dict[str, Any] = {"input": read if len(read) > 1 else read[0]}
            if self.target is not None:
                sample["target"] = self.target.read(item.target)
            if item.weight is not None:
                sample["weight"] = _weight(item.weight)
        except ItemError as error:
            raise error.at(self.source.where(row)) from None
        return sample


def _weight(given: Any) -> Tensor:
    try:
        weight = float(given)
    except (TypeError, ValueError):
        weight = math.nan
    if not 0 <= weight < math.inf:
        raise ItemError(f"has the weight {given}", "A weight is a finite number, 0 or more.", "fix it, or leave it out")
    return torch.tensor(weight)


def _failed(where: str, error: Exception) -> UserError:
    """Return the error of a Dataset's own code, with the line that raised it."""
    said = (str(error).strip().splitlines() or [""])[0]
    frames = traceback.extract_tb(sys.exc_info()[2])
    last = frames[-1]
    rule = f"{type(error).__name__}: {said}" if said else type(error).__name__
    return refuse(f"{where} cannot be read", f"{rule} ({Path(last.filename).name}:{last.lineno})", "fix the Dataset")
