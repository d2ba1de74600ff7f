"""Scanning every image file once before training: whether it is complete, what kind it is, and its digest."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from lossbook.data.images.decoding import (
    ORIENTATION,
    ImageError,
    as_image_error,
    has_deep_greys,
    own_limit,
    regular,
    require_pixels,
    stated_bits,
    tag,
    turned_size,
    unusable,
)
from lossbook.errors import UserError, refuse

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

BLOCK = 64 * 2**20  # bytes held in memory at once
DEEP = "of 16-bit greys"
_SHOWN = 20
_FAULTS = 5
_LOOKED_AT = 16


@dataclass(frozen=True)
class Scan:
    """The result of scanning N files.

    Args:
        digests: (N,) uint64, of the contents.
        modified: (N,) int64, modification times in nanoseconds.
        sizes: (N,) int64, in bytes.
        deep: rows of 16-bit greyscale images that may use fewer bits.
        kinds: how many images need special treatment, by kind.
        bad: what cannot be read, by row, and why; only where such files are to be left out.
        shared_size: height and width of all images, upright; None where they differ.
    """

    digests: np.ndarray
    modified: np.ndarray
    sizes: np.ndarray
    deep: Sequence[int] = ()
    kinds: Mapping[str, int] = field(default_factory=dict)
    bad: Mapping[int, Exception] = field(default_factory=dict)
    shared_size: tuple[int, int] | None = None

    def rows(self, chosen: np.ndarray) -> Scan:
        """Return the digests, times and sizes of some of the files, in this order."""
        return Scan(self.digests[chosen], self.modified[chosen], self.sizes[chosen])

    def require_same(self, row: int, path: Path, modified: int) -> None:
        """Refuse a file whose content has changed since the scan."""
        if modified == self.modified[row]:
            return
        with open(path, "rb") as stream:
            if _digest(stream) != self.digests[row]:
                raise ImageError("has changed", "Data must not change during a run.", "start the run again")


def scan(paths: Sequence[Path], skip: bool = False) -> Scan:
    """Read all files, check their headers and compute digests of their contents.

    Args:
        paths: of the files.
        skip: list files that cannot be read in ``bad``, and decode all, since a header does not tell everything.

    Raises:
        UserError: files are missing, broken or of an unsupported kind; the first twenty are named. Not with ``skip``.
    """
    digests, modified, sizes = np.zeros(len(paths), np.uint64), *np.zeros((2, len(paths)), np.int64)
    deep: list[int] = []
    kinds: Counter[str] = Counter()
    bad: dict[int, Exception] = {}
    shapes: set[tuple[int, int]] = set()
    with own_limit():
        for row, path in enumerate(paths):
            try:
                digests[row], modified[row], sizes[row], found, shape = _read(path, skip)
            except Exception as error:  # decoders raise errors of all kinds
                bad[row] = error
                continue
            kinds.update(found)
            shapes.add(shape)
            if DEEP in found:
                deep.append(row)
    if bad and not skip:
        raise bad_files(paths, bad)
    return Scan(digests, modified, sizes, deep, kinds, bad, shapes.pop() if len(shapes) == 1 else None)


def bad_files(paths: Sequence[Path], bad: Mapping[int, Exception]) -> UserError:
    """Return the error for files that cannot be read."""
    if len(bad) == 1:
        ((row, error),) = bad.items()
        wrong = as_image_error(error)
        return refuse(f"{paths[row]} {wrong.fault}", wrong.why, f"{wrong.fix}, or data.on_bad=skip")
    fix = "repair, convert or remove them, or data.on_bad=skip"
    return refuse(f"{len(bad):,} of {len(paths):,} images cannot be used", "\n  ".join(faults(paths, bad)), fix)


def largest_grey(paths: Sequence[Path]) -> tuple[int, int]:
    """Return the largest value in a sample of the images, spread evenly, and the size of the sample."""
    from PIL import Image

    looked_at = [paths[row] for row in np.linspace(0, len(paths) - 1, min(len(paths), _LOOKED_AT)).astype(int)]
    largest = 0
    for path in looked_at:
        try:
            with own_limit(), Image.open(path) as file:
                largest = max(largest, int(np.asarray(file).max()))
        except Exception as error:
            raise unusable(path, error) from error
    return largest, len(looked_at)


def faults(paths: Sequence[Path], bad: Mapping[int, Exception]) -> Iterator[str]:
    """Yield a line for each fault, the most frequent first, with the files that have it."""
    files: dict[str, list[Path]] = {}
    for row, error in bad.items():
        files.setdefault(_in_short(error), []).append(paths[row])
    by_count = sorted(files.items(), key=lambda pair: -len(pair[1]))
    for fault, named in by_count[:_FAULTS]:
        more = f" and {len(named) - _SHOWN:,} more" if len(named) > _SHOWN else ""
        yield f"{fault}: {', '.join(map(str, named[:_SHOWN]))}{more}"
    if rest := sum(len(named) for _, named in by_count[_FAULTS:]):
        yield f"otherwise broken: {rest:,} more"


def _in_short(error: Exception) -> str:
    bad = as_image_error(error)
    return f"{bad.fault} ({bad.why})" if bad.fault.startswith("cannot") else bad.fault


def _read(path: Path, decode: bool) -> tuple[int, int, int, list[str], tuple[int, int]]:
    """Return the digest of a file, its modification time, its size, the kinds of special treatment it needs, and the
    height and width of the image."""
    from PIL import Image

    status = regular(path)
    with open(path, "rb") as stream:
        source = BytesIO(stream.read()) if status.st_size <= BLOCK else stream
        content = _digest(source)
        with Image.open(source) as file:
            require_pixels(file)
            whole = not isinstance(source, BytesIO) or _whole(file, source.getvalue(), source.tell())
            orientation = _orientation(file)
            kinds = list(_kinds(file, orientation))
            width, height = turned_size(file, orientation)
            if decode or not whole:
                file.draft(None, (1, 1))  # a JPEG at an eighth of its size, which reads all of its data as well
                file.load()  # raises where pixels are missing
            return content, status.st_mtime_ns, status.st_size, kinds, (height, width)


def _digest(stream: BinaryIO) -> int:
    """Return the 8-byte BLAKE2b digest of a stream's content."""
    content = hashlib.blake2b(digest_size=8)
    while block := stream.read(BLOCK):
        content.update(block)
    return int.from_bytes(content.digest(), "little")


def _whole(file: ImageFile, data: bytes, header: int) -> bool:
    """Return whether the end of the file is there; False also where only decoding can tell.

    Args:
        file, data: the image, and its bytes.
        header: how many bytes were read to open it.
    """
    if file.format in ("JPEG", "PNG"):  # other data may follow, and a thumbnail come first
        return data.rfind(b"IEND" if file.format == "PNG" else b"\xff\xd9", header) >= 0
    if file.format == "GIF":
        return data.endswith(b";")
    if file.format == "TIFF":
        offsets, sizes = ((tag(file, strips) or tag(file, tiles) or (0,)) for strips, tiles in ((273, 324), (279, 325)))
        end = max(map(sum, zip(offsets, sizes, strict=False)))
    elif file.format == "PPM":
        end = file.tile[0][2] + file.width * file.height * len(file.getbands())
    else:
        start, more = {"BMP": (2, 0), "WEBP": (4, 8)}.get(file.format or "", (0, 0))
        end = int.from_bytes(data[start : start + 4], "little") + more if start else 0
    return end <= len(data)


def _orientation(file: ImageFile) -> Any:
    """Return the EXIF orientation that the header states, None without one, and -1 where it is damaged.

    ``getexif`` would decode a PNG, and swallow what is wrong with it.
    """
    from PIL import Image

    exif = Image.Exif()
    try:
        exif.load(file.info.get("exif", b""))
        return exif.get(ORIENTATION, tag(file, ORIENTATION))
    except Exception:  # the parser raises errors of all kinds
        return -1


def _kinds(file: ImageFile, orientation: Any) -> Iterator[str]:
    if has_deep_greys(file) and stated_bits(file) is None:
        yield DEEP
    elif file.format in ("PNG", "TIFF") and ";16" in str(file.tile[:1]):
        yield "of 16-bit colours (the upper 8 bits are used)"
    if file.has_transparency_data:
        yield "transparent (on white)"
    if getattr(file, "is_animated", False):
        yield "of several frames (the first is used)"
    if orientation == -1:
        yield "with damaged EXIF (not rotated)"
    elif orientation in range(2, 9):
        yield "rotated by their EXIF orientation"
