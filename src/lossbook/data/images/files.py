"""A dataset of image files, decoded when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from lossbook.data.images.decoding import decode, regular, unusable
from lossbook.data.images.scan import Scan


class ImageFiles(Dataset[dict[str, Any]]):
    """Images as (3, size, size) uint8, the largest centred square scaled to ``size``, with their class.

    The EXIF orientation is applied, transparency is on white, and of several frames the first is used.

    Args:
        paths: image files.
        targets: (N,) int64 class indices.
        size: side length in pixels.
        grey_bits: bits that 16-bit greys actually use, 8 to 16; their largest value is white.
        scan: result of scanning these files; a file that has changed since is refused.
    """

    def __init__(
        self, paths: Sequence[Path], targets: Tensor, size: int, grey_bits: int = 16, scan: Scan | None = None
    ) -> None:
        self.paths, self.targets, self.size = list(paths), targets, size
        self.grey_bits, self.scan = grey_bits, scan

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def digests(self) -> np.ndarray | None:
        """Digests of the files' contents, (N,) uint64; None where the files were not scanned."""
        return None if self.scan is None else self.scan.digests

    def __getitem__(self, index: int) -> dict[str, Any]:
        path = self.paths[index]
        try:
            modified = regular(path).st_mtime_ns
            if self.scan is not None:
                self.scan.require_same(index, path, modified)
            pixels = decode(path, self.size, self.grey_bits)
        except Exception as error:  # decoders raise errors of all kinds
            raise unusable(path, error) from error
        return {"input": torch.from_numpy(pixels).permute(2, 0, 1), "target": self.targets[index]}

    def rows(self, chosen: np.ndarray) -> ImageFiles:
        """Return the dataset of some of the files, in this order."""
        paths, targets = [self.paths[row] for row in chosen], self.targets[torch.from_numpy(chosen)]
        scan = None if self.scan is None else self.scan.rows(chosen)
        return ImageFiles(paths, targets, self.size, self.grey_bits, scan)
