"""A dataset of pairs or triplets of image files, decoded when they are asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from lossbook.data.digests import input_digests
from lossbook.data.images.files import ImageFiles


class TupleImages(Dataset[dict[str, Any]]):
    """Tuples of images, each (channels, height, width) uint8.

    Args:
        files: the images, each once.
        members: (N, K) which of them make up each sample.
        targets: (N,) 1 for pairs that belong together, 0 for others; None for triplets.
    """

    def __init__(self, files: ImageFiles, members: np.ndarray, targets: Tensor | None = None) -> None:
        self.files, self.members, self.targets = files, members, targets

    def __len__(self) -> int:
        return len(self.members)

    @property
    def digests(self) -> np.ndarray | None:
        """Digests of the contents of each sample's files together, (N,) uint64."""
        if self.files.digests is None:
            return None
        one = self.files.digests[self.members].view(np.int64)
        return input_digests({"input": torch.from_numpy(one)})

    def __getitem__(self, index: int) -> dict[str, Any]:
        sample = {"input": tuple(torch.from_numpy(self.files.pixels(int(place))) for place in self.members[index])}
        return sample if self.targets is None else {**sample, "target": self.targets[index]}

    def rows(self, chosen: np.ndarray) -> TupleImages:
        """Return the dataset of some of the samples, in this order."""
        targets = None if self.targets is None else self.targets[torch.from_numpy(chosen)]
        return TupleImages(self.files, self.members[chosen], targets)
