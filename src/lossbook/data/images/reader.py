"""Images, as the network's training data was read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from lossbook.data.images.files import ImageFiles
from lossbook.data.images.format import ImageFormat
from lossbook.data.images.listing import EXTENSIONS
from lossbook.data.images.objects import read_objects
from lossbook.data.reader import NewInputs, Reader


@dataclass(frozen=True)
class ImageReader(Reader):
    """Reads images to (channels, height, width) uint8; arrays of floats to float32 in [0, 1].

    Args:
        channels: 3 for colours, 1 for greys.
        size: height and width in pixels.
        grey_bits: bits that 16-bit greys use.
        resize: how an image of another shape is brought to the size; see ``ImageFormat``.
    """

    kind: ClassVar[str] = "image"
    suffixes: ClassVar[tuple[str, ...]] = tuple(sorted(EXTENSIONS))

    channels: int
    size: tuple[int, int]
    grey_bits: int = 16
    resize: str = "crop"

    @classmethod
    def of(cls, form: ImageFormat) -> ImageReader:
        """Return the reader of images of a format."""
        return cls(form.channels, form.size, form.grey_bits, form.resize)

    @classmethod
    def of_shape(cls, shape: Sequence[int]) -> ImageReader:
        """Return the reader for a set whose images all have one shape; its greys are on black, and so padded."""
        channels, height, width = shape
        return cls(channels, (height, width), resize="pad" if channels == 1 else "crop")

    @property
    def form(self) -> ImageFormat:
        """What images are brought to."""
        return ImageFormat(self.channels, self.size, self.resize, self.grey_bits)

    def files(self, paths: Sequence[Path], names: Sequence[str]) -> NewInputs:
        return NewInputs(list(names), ImageFiles(paths, self.form))

    def objects(self, inputs: Any) -> NewInputs:
        read, places, bad = read_objects(inputs, self.form)
        return NewInputs([str(place) for place in places], {"input": read}, bad)
