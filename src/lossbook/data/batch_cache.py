"""Datasets that keep what they have read, and give whole batches of it without worker processes."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.data import Dataset


class BatchCache(Dataset[dict[str, Any]]):
    """A map-style dataset that is read once; ``DatasetLoader`` fills it in the first epoch.

    Attributes:
        on_disk: whether a batch takes so long to read that a thread should work ahead.
    """

    on_disk = False

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def rows(self, chosen: np.ndarray) -> BatchCache:
        """Return the dataset of some of the samples, in this order."""

    @abstractmethod
    def holds(self, rows: Tensor) -> bool:
        """Return whether ``batch`` can give all of these samples, (n,) int64."""

    @abstractmethod
    def batch(self, rows: Tensor) -> dict[str, Any]:
        """Return these samples as a batch, without ``index``."""

    @abstractmethod
    def keep(self, rows: Tensor, batch: dict[str, Any]) -> None:
        """Keep samples that were read one by one."""
