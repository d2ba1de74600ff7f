"""Decoding masks: the value of each pixel, and the class of each in the format of the images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lossbook.data.images.decoding import ImageError, own_limit, regular
from lossbook.data.images.format import ImageFormat
from lossbook.targets.masks import IGNORED

if TYPE_CHECKING:
    from PIL.Image import Image

LARGEST_VALUE = 65535
_LOSSY = ("JPEG", "WEBP")


def mask_values(path: Path) -> np.ndarray:
    """Return the value of each pixel of a mask, (height, width) int32: a palette's index, or a grey.

    Raises:
        ImageError: the file is no mask.
    """
    from PIL import Image

    regular(path)
    with own_limit(), Image.open(path) as file:
        if file.format in _LOSSY and not file.info.get("lossless"):
            rule = "Compression changes values where classes meet."
            raise ImageError(f"is a mask in {file.format}", rule, "save masks as PNG")
        file.load()
        return _values(file)


def _values(image: Image) -> np.ndarray:
    if image.mode in ("RGB", "RGBA", "LA"):
        planes = np.asarray(image)
        colours = planes[..., : 3 if image.mode != "LA" else 1]
        if (colours != colours[..., :1]).any():
            rule = "A mask holds a class a pixel, as a grey or as the index of a palette; colours do not say which."
            raise ImageError("is a mask in colours", rule, "save it with a palette (PNG mode P), or as greys")
        return colours[..., 0].astype(np.int32)
    if image.mode not in ("1", "L", "P", "I") and not image.mode.startswith("I;16"):
        raise ImageError(f"has pixels of the kind {image.mode}", "A mask has whole numbers.", "save it as PNG")
    values = np.asarray(image).astype(np.int32)
    if values.min() < 0 or values.max() > LARGEST_VALUE:
        raise ImageError("has values beyond 16 bits", f"Values of a mask lie in 0..{LARGEST_VALUE}.", "renumber them")
    return values


def class_mask(values: np.ndarray, classes: Sequence[int], form: ImageFormat) -> np.ndarray:
    """Return the class of each pixel in the format of the images, (height, width) int64, by the nearest pixel.

    Pixels of other values, and those that padding adds, are ignored.

    Args:
        values: of the mask.
        classes: the value of each class.
        form: what the image is brought to.
    """
    from PIL import Image

    table = np.full(LARGEST_VALUE + 1, IGNORED, dtype=np.int32)
    table[np.asarray(classes)] = np.arange(len(classes))
    used, box = form.cropped(Image.fromarray(table[values]))
    size = form.scaled(*used.size) if box is None else form.scaled(box[2] - box[0], box[3] - box[1])
    rows, columns = form.size
    whole = np.full((rows, columns), IGNORED, dtype=np.int64)
    top, left = (rows - size[1]) // 2, (columns - size[0]) // 2
    whole[top : top + size[1], left : left + size[0]] = used.resize(size, Image.Resampling.NEAREST, box)
    return whole
