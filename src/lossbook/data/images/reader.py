"""Images, as the network's training data was read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch

from lossbook.data.images.files import ImageFiles
from lossbook.data.reader import NewInputs, Reader


@dataclass(frozen=True)
class ImageReader(Reader):
    """Reads images to (channels, height, width) uint8.

    Args:
        channels: 3 for colours, 1 for greys.
        size: height and width in pixels.
        grey_bits: bits that 16-bit greys use.
    """

    kind: ClassVar[str] = "image"
    suffixes: ClassVar[tuple[str, ...]] = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp")

    channels: int
    size: tuple[int, int]
    grey_bits: int = 16

    def files(self, paths: Sequence[Path], names: Sequence[str]) -> NewInputs:
        targets = torch.zeros(len(paths), dtype=torch.int64)
        return NewInputs(list(names), ImageFiles(paths, targets, self.size[0], self.grey_bits))

    def objects(self, inputs: Any) -> NewInputs:
        raise NotImplementedError  # with decoding to any height, width and number of channels
