"""What images are made to be: so many channels, a height and width, and how a picture of another shape gets there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F

from lossbook.errors import refuse, typed

if TYPE_CHECKING:
    from PIL.Image import Image

RESIZES = ("crop", "pad", "squash")
LARGEST_SIDE = 8192
Box: TypeAlias = tuple[float, float, float, float]  # left, top, right, bottom
LUMA = (0.299, 0.587, 0.114)  # ITU-R 601-2, by which Pillow makes greys of colours


@dataclass(frozen=True)
class ImageFormat:
    """The format that all images of a set are brought to.

    Args:
        channels: 3 for RGB, 1 for greys.
        size: height and width in pixels.
        resize: ``crop`` scales the largest centred part that has the right aspect ratio, ``pad`` scales the whole to
            fit and puts it on black, ``squash`` scales height and width independently.
        grey_bits: bits that 16-bit greys actually use, 8 to 16; their largest value becomes white.
    """

    channels: int = 3
    size: tuple[int, int] = (64, 64)
    resize: str = "crop"
    grey_bits: int = 16

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height, width."""
        return (self.channels, *self.size)

    @property
    def bytes(self) -> int:
        """Of an image."""
        return math.prod(self.shape)

    def box(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Return left, top, right and bottom of what is used of an image."""
        if self.resize != "crop":
            return 0, 0, width, height
        rows, columns = self.size
        if width * rows >= height * columns:
            used_width, used_height = max(1, round(height * columns / rows)), height
        else:
            used_width, used_height = width, max(1, round(width * rows / columns))
        left, top = (width - used_width) // 2, (height - used_height) // 2
        return left, top, left + used_width, top + used_height

    def scaled(self, width: float, height: float) -> tuple[int, int]:
        """Return width and height after scaling, of what is used of an image."""
        rows, columns = self.size
        if self.resize != "pad":
            return columns, rows
        factor = min(columns / width, rows / height)
        return max(1, min(columns, round(width * factor))), max(1, min(rows, round(height * factor)))

    def draft_size(self, width: int, height: int) -> tuple[int, int] | None:
        """Return the least width and height to decode an image at: twice what is needed, since scaling needs margin.

        None where that is more than half of its own.
        """
        left, top, right, bottom = self.box(width, height)
        columns, rows = self.scaled(right - left, bottom - top)
        factor = 2 * max(columns / (right - left), rows / (bottom - top))
        return None if factor > 0.5 else (math.ceil(width * factor), math.ceil(height * factor))

    def cropped(self, image: Image, size: tuple[int, int] | None = None) -> tuple[Image, Box | None]:
        """Cut out what is used of an image.

        Args:
            image: of any mode.
            size: its width and height before it was decoded smaller; None if it was not.

        Returns:
            The smallest part that holds what is used, and, where that ends within pixels, its place in the part.
        """
        width, height = size or image.size
        factor = max(1, round(max(width / image.width, height / image.height)))  # the last pixel is rounded up
        left, top, right, bottom = (side / factor for side in self.box(width, height))
        right, bottom = min(right, image.width), min(bottom, image.height)
        outer = math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom)
        part = image if outer == (0, 0, *image.size) else image.crop(outer)
        box = left - outer[0], top - outer[1], right - outer[0], bottom - outer[1]
        return part, None if box == (0, 0, *part.size) else box

    def fit(self, image: Image, box: Box | None = None) -> Image:
        """Scale what is used of an image to the height and width, and pad it; its mode stays.

        Args:
            image: what ``cropped`` cut out.
            box: what is used of it, in fractions of pixels; None for all.
        """
        from PIL import Image

        size = self.scaled(*image.size) if box is None else self.scaled(box[2] - box[0], box[3] - box[1])
        if box is not None or size != image.size:
            image = image.resize(size, Image.Resampling.BILINEAR, box)
        rows, columns = self.size
        if size == (columns, rows):
            return image
        whole = Image.new(image.mode, (columns, rows))
        whole.paste(image, ((columns - size[0]) // 2, (rows - size[1]) // 2))
        return whole

    def undone(self, image: Image, size: tuple[int, int], outside: int) -> Image:
        """Bring an image of the height and width back to the place of what is used of a picture, by the nearest pixel.

        Args:
            image: of indices or greys; padding is cut off.
            size: width and height of the picture.
            outside: value where the picture was cropped.
        """
        from PIL import Image

        left, top, right, bottom = self.box(*size)
        columns, rows = self.scaled(right - left, bottom - top)
        x, y = (self.size[1] - columns) // 2, (self.size[0] - rows) // 2
        used = image.crop((x, y, x + columns, y + rows)).resize((right - left, bottom - top), Image.Resampling.NEAREST)
        if used.size == size:
            return used
        whole = Image.new(image.mode, size, outside)
        if (palette := image.getpalette()) is not None:
            whole.putpalette(palette)
        whole.paste(used, (left, top))
        return whole

    def pixels(self, image: Image, box: Box | None = None) -> np.ndarray:
        """Bring an opaque image of 8 bits per channel to the format, (channels, height, width) uint8; see ``fit``."""
        mode = "RGB" if self.channels == 3 else "L"
        image = image if image.mode == mode else image.convert(mode)
        if box is not None:
            image = self.fit(image, box)
        levels = torch.from_numpy(np.array(image))
        planes = levels.permute(2, 0, 1) if levels.ndim == 3 else levels[None]
        columns, rows = self.scaled(*image.size)
        if image.size != (columns, rows):  # to within a level what Pillow does, in half the time
            planes = F.interpolate(planes[None], (rows, columns), mode="bilinear", antialias=True)[0]
        left, top = (self.size[1] - columns) // 2, (self.size[0] - rows) // 2
        around = left, self.size[1] - columns - left, top, self.size[0] - rows - top
        return F.pad(planes, around).contiguous().numpy() if any(around) else planes.contiguous().numpy()


def as_size(image_size: Any) -> tuple[int, int]:
    """Return height and width of ``data.image_size``: one number for a square, or both.

    Raises:
        UserError: it is neither, or out of range.
    """
    both = [image_size] * 2 if type(image_size) is int else image_size
    given = isinstance(both, Sequence) and not isinstance(both, str) and len(both) == 2
    if not given or any(type(side) is not int or not 1 <= side <= LARGEST_SIDE for side in both):
        rule = f"data.image_size must be a number of pixels from 1 to {LARGEST_SIDE}, or [height,width]."
        raise refuse(f"data.image_size={typed(image_size)}", rule, "data.image_size=64")
    return both[0], both[1]
