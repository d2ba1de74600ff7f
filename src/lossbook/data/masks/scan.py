"""Reading every mask once before training: its values, its size beside the image's, and what is wrong with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lossbook.data.images.decoding import ORIENTATION, SIDEWAYS, ImageError, own_limit
from lossbook.data.masks.decoding import mask_values


@dataclass(frozen=True)
class MaskScan:
    """What N masks hold.

    Args:
        counts: for each mask, its values and how many pixels have each.
        bad: masks that cannot be used, by row, and why.
    """

    counts: tuple[Mapping[int, int], ...]
    bad: Mapping[int, Exception]

    def values(self) -> list[int]:
        """Return all values that occur, ascending."""
        return sorted(set().union(*self.counts))

    def per_class(self, classes: Sequence[int]) -> np.ndarray:
        """Return how many pixels of each class each mask holds, (N, C)."""
        return np.array([[counts.get(value, 0) for value in classes] for counts in self.counts], dtype=np.int64)


def scan_masks(images: Sequence[Path], masks: Sequence[Path]) -> MaskScan:
    """Read all masks; a mask must have the size of its image, or at least its aspect ratio."""
    counts: list[Mapping[int, int]] = []
    bad: dict[int, Exception] = {}
    for row, (image, mask) in enumerate(zip(images, masks, strict=True)):
        found: Mapping[int, int] = {}
        try:
            values = mask_values(mask)
            _require_size(image, values.shape[1], values.shape[0])
            found = Counter(dict(zip(*(one.tolist() for one in np.unique(values, return_counts=True)), strict=True)))
        except Exception as error:  # decoders raise errors of all kinds
            bad[row] = error
        counts.append(found)
    return MaskScan(tuple(counts), bad)


def _require_size(image: Path, width: int, height: int) -> None:
    from PIL import Image

    with own_limit(), Image.open(image) as file:
        columns, rows = file.size
        try:
            sideways = file.getexif().get(ORIENTATION) in SIDEWAYS
        except Exception:  # a damaged block, which is ignored
            sideways = False
    if sideways:
        columns, rows = rows, columns
    if abs(width * rows - height * columns) > max(width, height, columns, rows):  # by more than a pixel
        raise ImageError(
            f"is {width} x {height}, and its image {columns} x {rows}",
            "A mask must have its image's size, or at least its aspect ratio; EXIF rotation is applied to the image.",
            "make the mask anew",
        )
