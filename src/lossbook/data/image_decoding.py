"""Decoding image files: what their headers say, and their pixels as 8-bit RGB."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lossbook.data.image_listing import DOCUMENTS
from lossbook.errors import UserError, refuse

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

LARGEST = 178_956_970  # pixels, twice what Pillow warns of: beyond, a small file may be made to fill the memory
ORIENTATION = 0x0112  # of EXIF and TIFF
FIX = "repair or convert the file, or move it away"


class ImageError(Exception):
    """What is wrong with a file: a predicate (``is empty``), and a sentence on it."""

    def __init__(self, fault: str, why: str, fix: str = FIX) -> None:
        super().__init__(fault, why, fix)
        self.fault, self.why, self.fix = fault, why, fix


def as_image_error(error: Exception) -> ImageError:
    """What an error says of the file that it was raised for."""
    from PIL import UnidentifiedImageError

    if isinstance(error, ImageError):
        return error
    if isinstance(error, FileNotFoundError):
        return ImageError("is missing", "It is a link to nothing, or has been removed since the start.", "put it back")
    if isinstance(error, PermissionError):
        return ImageError("may not be read", "Each image of each part is read.", "chmod u+r the file, or move it away")
    if isinstance(error, UnidentifiedImageError):  # its text names an object in memory
        return ImageError("cannot be read as an image", "It begins like none of the formats that Pillow reads.")
    said = str(error).strip().splitlines()
    return ImageError("cannot be read as an image", f"{type(error).__name__}{f': {said[0]}' if said else ''}")


def unusable(path: Path, error: Exception) -> UserError:
    """The error to raise for a file that could not be read."""
    bad = as_image_error(error)
    return refuse(f"{path} {bad.fault}", bad.why, bad.fix)


def regular(path: Path) -> os.stat_result:
    """The state of a file, which is one and not empty: a pipe would let us wait for ever."""
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise ImageError("is not a file", "It is a folder, a pipe, a socket or a device.", "move it away")
    if status.st_size == 0:
        raise ImageError("is empty", "Its size is 0 bytes.")
    return status


def decode(path: Path, size: int, grey_bits: int) -> np.ndarray:
    """The pixels of an image as (size, size, 3) uint8."""
    from PIL import Image

    with own_limit(), Image.open(path) as file:
        require_pixels(file)
        bits = (stated_bits(file) or grey_bits) if has_deep_greys(file) else None
        file.load()  # before it is turned: Pillow turns TIFF by itself
        image = _turned(file)
        side = min(image.size)
        left, top = ((length - side) // 2 for length in image.size)
        square = image.crop((left, top, left + side, top + side))
        if bits is not None:
            square = _shallow(square, file, bits)
        return np.array(_on_white(square).resize((size, size), Image.Resampling.BILINEAR))


@contextmanager
def own_limit() -> Iterator[None]:
    """Without Pillow's limit on pixels, which warns first: ``require_pixels`` has one that names the file."""
    from PIL import Image

    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def require_pixels(file: ImageFile) -> None:
    """Refuse what a header tells: too many pixels, pixels of 32 bits, and documents."""
    pixels = file.width * file.height
    if pixels > LARGEST:
        raise ImageError(f"has {pixels:,} pixels", f"At most {LARGEST:,} are read.", "make it smaller, or move it away")
    if file.format in DOCUMENTS:
        raise ImageError(f"is of the kind {file.format}", "Only pictures made of pixels are read.")
    if file.mode in ("I", "F") and not has_deep_greys(file):
        raise ImageError(
            "has pixels of 32 bits",
            "Which of their values is white is not written there: images have 8 or 16 bits a channel.",
            "save it with 8 bits, or move it away",
        )


def has_deep_greys(file: ImageFile) -> bool:
    """Whether the image is grey, of more than 8 bits and at most 16."""
    return file.mode.startswith("I;16") or (file.mode == "I" and file.format in ("PNG", "PPM"))


def stated_bits(file: ImageFile) -> int | None:
    """How many bits its greys use by its header; None where 16 may hold fewer, as cameras and microscopes write.

    Neither sBIT of PNG nor MaxSampleValue of TIFF tells: both leave white where it is. To be asked before it is loaded.
    """
    arguments = file.tile[0][3]
    if file.format == "PPM" and isinstance(arguments, tuple) and arguments[1] < 65535:  # Pillow scales these to 16
        return 16
    return 12 if tag(file, 258) == (12,) else None


def tag(file: ImageFile, number: int) -> Any:
    """A tag of a TIFF file."""
    return getattr(file, "tag_v2", {}).get(number)


def _turned(file: ImageFile) -> Image:
    """The image as viewers show it."""
    from PIL.Image import Transpose

    try:
        orientation = file.getexif().get(ORIENTATION)
    except Exception:  # a damaged block, which viewers pass over, too; a scan tells of it
        return file
    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    return file.transpose(turns[orientation]) if orientation in turns else file


def _shallow(image: Image, file: ImageFile, bits: int) -> Image:
    """Greys of ``bits`` bits in 8, the upper ones; Pillow alone would cut them at 255, and so make them white."""
    from PIL import Image

    levels = np.asarray(image)
    if (largest := int(levels.max())) >> bits:
        raise ImageError(
            f"has a grey of {largest:,}", f"Greys of {bits} bits reach to {2**bits - 1:,}.", "data.grey_bits=16"
        )
    greys = (levels >> (bits - 8)).astype(np.uint8)
    if tag(file, 262) == 0:  # white is zero, which Pillow minds in 8 bits alone
        greys = 255 - greys
    if isinstance(clear := file.info.get("transparency"), int):
        greys[levels == clear] = 255
    return Image.fromarray(greys)


def _on_white(image: Image) -> Image:
    """The image in RGB, with white behind what is transparent."""
    from PIL import Image

    if not image.has_transparency_data:
        return image.convert("RGB")
    clear = image.info.get("transparency")
    if isinstance(clear, tuple) and max(clear) > 255:  # PNG of 16 bits, of which Pillow keeps the upper 8
        image.info["transparency"] = tuple(level >> 8 for level in clear)
    colours = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", colours.size, "white"), colours).convert("RGB")
