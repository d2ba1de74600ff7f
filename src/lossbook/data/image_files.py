"""A dataset of image files, decoded when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from lossbook.data.image_decoding import decode, regular, unusable
from lossbook.data.image_scan import Scan


class ImageFiles(Dataset[dict[str, Any]]):
    """Images as (3, size, size) uint8, the largest centred square scaled to ``size``, with their class.

    They are turned as their EXIF orientation says; what is transparent becomes white; of several frames the first is
    taken.

    Args:
        paths: image files.
        targets: (N,) int64 class indices.
        size: pixels a side.
        grey_bits: that greys of 16 bits use, 8 to 16: their largest value is white.
        scan: what was found in the files before; a file that has changed since is refused.
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
        """(N,) uint64, a digest of each file's content; None where the files were not scanned."""
        return None if self.scan is None else self.scan.digests

    def __getitem__(self, index: int) -> dict[str, Any]:
        path = self.paths[index]
        try:
            modified = regular(path).st_mtime_ns
            if self.scan is not None:
                self.scan.require_same(index, path, modified)
            pixels = decode(path, self.size, self.grey_bits)
        except Exception as error:  # decoders raise what they like
            raise unusable(path, error) from error
        return {"input": torch.from_numpy(pixels).permute(2, 0, 1), "target": self.targets[index]}

    def rows(self, chosen: np.ndarray) -> ImageFiles:
        """Some of the files, in this order."""
        paths, targets = [self.paths[row] for row in chosen], self.targets[torch.from_numpy(chosen)]
        scan = None if self.scan is None else self.scan.rows(chosen)
        return ImageFiles(paths, targets, self.size, self.grey_bits, scan)
