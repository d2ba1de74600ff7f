"""Predicted masks at the size of the files that they are of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from lossbook.data.images.decoding import upright_size
from lossbook.data.images.files import ImageFiles
from lossbook.data.schema import Schema
from lossbook.data.source import Part
from lossbook.formatting import plural
from lossbook.targets.rows import PredictionRows

if TYPE_CHECKING:
    from pathlib import Path

    from PIL.Image import Image


class MasksOfFiles:
    """Brings the masks of image files to their size, by the nearest pixel; others stay as they are.

    Args:
        part: the inputs.
        schema: of the network's data.
    """

    def __init__(self, part: Part, schema: Schema) -> None:
        self.files = part if isinstance(part, ImageFiles) else None
        self.classes = {name: one.classes or 0 for name, one in schema.heads.items()}
        self._cropped: dict[int, int] = {}  # value outside of the part of an image that was used -> number of masks

    def __call__(self, heads: Mapping[str, PredictionRows], places: Sequence[int]) -> Mapping[str, PredictionRows]:
        """Return what is written down of samples, by head, with other masks.

        Args:
            heads: by name.
            places: of the samples in the part.
        """
        files = self.files
        if files is None:
            return heads
        paths = [files.paths[place] for place in places]
        return {
            name: replace(rows, images=[self._restored(*pair, name) for pair in zip(rows.images, paths, strict=True)])
            if rows.images
            else rows
            for name, rows in heads.items()
        }

    @property
    def note(self) -> str | None:
        """What a user should know of masks of images that were cropped; None where none was."""
        return (
            "; ".join(
                f"{plural(count, 'mask')} of images that were cropped: {value} where nothing was predicted"
                for value, count in self._cropped.items()
            )
            or None
        )

    def _restored(self, mask: Image, path: Path, head: str) -> Image:
        from PIL import Image

        assert self.files is not None
        form, size = self.files.form, upright_size(path)
        outside = 255
        if self.classes[head] > outside:  # is a class: masks of 16 bits
            outside, mask = 65535, Image.fromarray(np.asarray(mask).astype(np.uint16))
        if form.box(*size) != (0, 0, *size):
            self._cropped[outside] = self._cropped.get(outside, 0) + 1
        return form.undone(mask, size, outside)
