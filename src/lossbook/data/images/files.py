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
from lossbook.data.images.format import ImageFormat
from lossbook.data.images.scan import Scan


class ImageFiles(Dataset[dict[str, Any]]):
    """Images as (channels, height, width) uint8, with their targets.

    The EXIF orientation is applied, transparency is on white, and of several frames the first is used.

    Args:
        paths: image files.
        form: what they are brought to.
        targets: (N, ...), one a sample; None without.
        scan: result of scanning these files; a file that has changed since is refused.
    """

    def __init__(
        self, paths: Sequence[Path], form: ImageFormat, targets: Tensor | None = None, scan: Scan | None = None
    ) -> None:
        self.paths, self.form, self.targets, self.scan = list(paths), form, targets, scan

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def digests(self) -> np.ndarray | None:
        """Digests of the files' contents, (N,) uint64; None where the files were not scanned."""
        return None if self.scan is None else self.scan.digests

    def __getitem__(self, index: int) -> dict[str, Any]:
        sample = {"input": torch.from_numpy(self.pixels(index))}
        return sample if self.targets is None else {**sample, "target": self.targets[index]}

    def pixels(self, index: int) -> np.ndarray:
        """Decode an image, (channels, height, width) uint8.

        Raises:
            UserError: it cannot be read, or has changed.
        """
        path = self.paths[index]
        try:
            modified = regular(path).st_mtime_ns
            if self.scan is not None:
                self.scan.require_same(index, path, modified)
            return decode(path, self.form)
        except Exception as error:  # decoders raise errors of all kinds
            raise unusable(path, error) from error

    def with_targets(self, targets: Tensor) -> ImageFiles:
        """Return the same files with targets."""
        return ImageFiles(self.paths, self.form, targets, self.scan)

    def rows(self, chosen: np.ndarray) -> ImageFiles:
        """Return the dataset of some of the files, in this order."""
        paths = [self.paths[row] for row in chosen]
        targets = None if self.targets is None else self.targets[torch.from_numpy(chosen)]
        return ImageFiles(paths, self.form, targets, None if self.scan is None else self.scan.rows(chosen))
