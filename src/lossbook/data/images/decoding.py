"""Decoding images: what their headers say, and their pixels in the format of a set."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lossbook.data.images.format import ImageFormat
from lossbook.data.images.listing import DOCUMENTS
from lossbook.errors import UserError, refuse

if TYPE_CHECKING:
    from PIL.Image import Image

LARGEST = 178_956_970  # pixels, twice Pillow's warning limit: a small file with more may be a decompression bomb
ORIENTATION = 0x0112  # tag of EXIF and TIFF
SIDEWAYS = (5, 6, 7, 8)  # orientations that exchange width and height
FIX = "repair or convert the file, or remove it"


class ImageError(Exception):
    """A fault of an image file: a predicate (``is empty``), a sentence that explains it, and the fix."""

    def __init__(self, fault: str, why: str, fix: str = FIX) -> None:
        super().__init__(fault, why, fix)
        self.fault, self.why, self.fix = fault, why, fix


def as_image_error(error: Exception) -> ImageError:
    """Convert any error raised while reading a file to an ``ImageError``."""
    from PIL import UnidentifiedImageError

    if isinstance(error, ImageError):
        return error
    if isinstance(error, FileNotFoundError):
        return ImageError(
            "is missing", "There is no such file: the path is wrong, a link is broken, or it was removed.", "restore it"
        )
    if isinstance(error, PermissionError):
        return ImageError("may not be read", "Every image of every part is read.", "chmod u+r the file, or remove it")
    if isinstance(error, UnidentifiedImageError):  # its message names an object in memory
        return ImageError("cannot be read as an image", "Its content is not in a format that Pillow reads.")
    said = str(error).strip().splitlines()
    return ImageError("cannot be read as an image", f"{type(error).__name__}{f': {said[0]}' if said else ''}")


def unusable(path: Path, error: Exception) -> UserError:
    """Return the error to raise for a file that could not be read."""
    bad = as_image_error(error)
    return refuse(f"{path} {bad.fault}", bad.why, bad.fix)


def regular(path: Path) -> os.stat_result:
    """Return the status of a regular, non-empty file; reading a pipe would block forever.

    Raises:
        ImageError: the path is something else.
    """
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise ImageError("is not a file", "It is a folder, a pipe, a socket or a device.", "remove it")
    if status.st_size == 0:
        raise ImageError("is empty", "Its size is 0 bytes.")
    return status


def decode(path: Path, form: ImageFormat) -> np.ndarray:
    """Decode an image to (channels, height, width) uint8: upright, resized, transparency on white."""
    from PIL import Image

    with own_limit(), Image.open(path) as file:
        require_pixels(file)
        return _upright(file, form)


def pixels_of(image: Image, form: ImageFormat) -> np.ndarray:
    """Bring an image of Pillow's to the format exactly as a file of it is, (channels, height, width) uint8."""
    require_pixels(image)
    return _upright(image, form)


def upright_size(path: Path) -> tuple[int, int]:
    """Return the width and height of an image as viewers show it."""
    from PIL import Image

    with own_limit(), Image.open(path) as file:
        return turned_size(file, _orientation(file))


def turned_size(file: Image, orientation: Any) -> tuple[int, int]:
    """Return the width and height of an opened image once its EXIF orientation is applied."""
    width, height = file.size
    sideways = orientation in SIDEWAYS and file.format != "TIFF"  # whose size Pillow has turned
    return (height, width) if sideways else (width, height)


def _upright(image: Image, form: ImageFormat) -> np.ndarray:
    bits = (stated_bits(image) or form.grey_bits) if has_deep_greys(image) else None
    size = _decode_smaller(image, form) if image.format == "JPEG" else None
    image.load()  # before the orientation is applied: Pillow applies that of TIFF by itself
    used, box = form.cropped(_turned(image), size)
    if bits is not None:
        used = _shallow(used, image, bits)
    return form.pixels(_on_white(used), box)


def _decode_smaller(file: Any, form: ImageFormat) -> tuple[int, int]:
    """Have a JPEG decoded at a half, a quarter or an eighth of its size where that is enough.

    Returns:
        Its width and height before, upright.
    """
    whole = turned_size(file, _orientation(file))
    if size := form.draft_size(*whole):
        file.draft(None, size if whole == file.size else size[::-1])
    return whole


@contextmanager
def own_limit() -> Iterator[None]:
    """Disable Pillow's limit on pixels, which only warns at first; ``require_pixels`` names the file."""
    from PIL import Image

    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def require_pixels(file: Image) -> None:
    """Refuse what the header shows to be unusable: too many pixels, 32-bit pixels, and documents."""
    pixels = file.width * file.height
    if pixels > LARGEST:
        raise ImageError(f"has {pixels:,} pixels", f"At most {LARGEST:,} are read.", "downscale or remove it")
    if file.format in DOCUMENTS:
        raise ImageError(f"is of the kind {file.format}", "Only raster images are read.")
    if file.mode in ("I", "F") and not has_deep_greys(file):
        raise ImageError(
            "has pixels of 32 bits",
            "Images must have 8 or 16 bits per channel: the file does not say which 32-bit value is white.",
            "save it with 8 bits, or remove it",
        )


def has_deep_greys(file: Image) -> bool:
    """Return whether the image is greyscale with more than 8 and at most 16 bits."""
    return file.mode.startswith("I;16") or (file.mode == "I" and file.format in ("PNG", "PPM"))


def stated_bits(file: Image) -> int | None:
    """Return the bits that a greyscale image uses by its header; None where 16 may hold fewer, as cameras write.

    sBIT of PNG and MaxSampleValue of TIFF do not say it: both leave white at 65,535. Call it before ``load``.
    """
    tile = getattr(file, "tile", None)  # not of an image in memory
    arguments = tile[0][3] if tile else None
    if file.format == "PPM" and isinstance(arguments, tuple) and arguments[1] < 65535:  # Pillow scales these to 16
        return 16
    return 12 if tag(file, 258) == (12,) else None


def tag(file: Image, number: int) -> Any:
    """Return a tag of a TIFF file; None where it is not set, or the file is of another format."""
    return getattr(file, "tag_v2", {}).get(number)


def _turned(image: Image) -> Image:
    """Apply the EXIF orientation, as viewers do."""
    from PIL.Image import Transpose

    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    orientation = _orientation(image)
    return image.transpose(turns[orientation]) if orientation in turns else image


def _orientation(image: Image) -> Any:
    """Return the EXIF orientation; None without one."""
    try:
        return image.getexif().get(ORIENTATION)
    except Exception:  # a damaged block, which viewers ignore as well; the scan notes it
        return None


def _shallow(image: Image, file: Image, bits: int) -> Image:
    """Keep the upper 8 of ``bits`` bits; Pillow by itself would clip at 255, and so turn nearly all pixels white."""
    from PIL import Image

    levels = np.asarray(image)
    if (largest := int(levels.max())) >> bits:
        raise ImageError(
            f"has a grey of {largest:,}", f"Greys of {bits} bits are at most {2**bits - 1:,}.", "data.grey_bits=16"
        )
    greys = (levels >> (bits - 8)).astype(np.uint8)
    if tag(file, 262) == 0:  # white is zero, which Pillow handles only in 8 bits
        greys = 255 - greys
    if isinstance(clear := file.info.get("transparency"), int):
        greys[levels == clear] = 255
    return Image.fromarray(greys)


def _on_white(image: Image) -> Image:
    """Convert the image to RGB, with transparency on white."""
    from PIL import Image

    if not image.has_transparency_data:
        return image.convert("RGB")
    clear = image.info.get("transparency")
    if isinstance(clear, tuple) and max(clear) > 255:  # a 16-bit PNG, of which Pillow keeps the upper 8 bits
        image.info["transparency"] = tuple(level >> 8 for level in clear)
    colours = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", colours.size, "white"), colours).convert("RGB")
