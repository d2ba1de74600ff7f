"""Reading every image file once before training, without decoding it: is it whole, what kind is it, which content."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from lossbook.data.image_decoding import (
    FIX,
    ORIENTATION,
    ImageError,
    as_image_error,
    has_deep_greys,
    own_limit,
    regular,
    require_pixels,
    stated_bits,
    tag,
    unusable,
)
from lossbook.errors import refuse

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

BLOCK = 64 * 2**20  # bytes that are held at once
DEEP = "of 16-bit greys"
_SHOWN = 20
_FAULTS = 5
_LOOKED_AT = 16


@dataclass(frozen=True)
class Scan:
    """What was found in files.

    Args:
        digests: (N,) uint64, of the content.
        modified: (N,) int64, when each was last written, in nanoseconds.
        deep: rows of greys that may use fewer than their 16 bits.
        kinds: how many images need more than decoding, by what they need.
    """

    digests: np.ndarray
    modified: np.ndarray
    deep: Sequence[int] = ()
    kinds: Mapping[str, int] = field(default_factory=dict)

    def rows(self, chosen: np.ndarray) -> Scan:
        """Digests and times of some of the files, in this order."""
        return Scan(self.digests[chosen], self.modified[chosen])

    def require_same(self, row: int, path: Path, modified: int) -> None:
        """Refuse a file that now holds something else."""
        if modified == self.modified[row]:
            return
        with open(path, "rb") as stream:
            if _digest(stream) != self.digests[row]:
                raise ImageError("has changed", "A run reads the same data from start to end.", "start it again")


def scan(paths: Sequence[Path]) -> Scan:
    """Read all files, check their headers and identify their content.

    Raises:
        UserError: files are missing, broken or of a kind that is not read; the first twenty are named.
    """
    digests, modified = np.zeros(len(paths), np.uint64), np.zeros(len(paths), np.int64)
    deep: list[int] = []
    kinds: Counter[str] = Counter()
    bad: list[tuple[Path, Exception]] = []
    with own_limit():
        for row, path in enumerate(paths):
            try:
                digests[row], modified[row], found = _read(path)
            except Exception as error:  # decoders raise what they like
                bad.append((path, error))
                continue
            kinds.update(found)
            if DEEP in found:
                deep.append(row)
    if len(bad) == 1:
        raise unusable(*bad[0]) from bad[0][1]
    if bad:
        raise refuse(f"{len(bad):,} of {len(paths):,} images cannot be used", "\n  ".join(_by_fault(bad)), FIX)
    return Scan(digests, modified, deep, kinds)


def largest_grey(paths: Sequence[Path]) -> tuple[int, int]:
    """The largest value in images spread evenly over these, and how many were looked at."""
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


def _by_fault(bad: Sequence[tuple[Path, Exception]]) -> Iterator[str]:
    """What is wrong, the most frequent first, and with which files, a line each."""
    files: dict[str, list[Path]] = {}
    for path, error in bad:
        files.setdefault(_in_short(error), []).append(path)
    faults = sorted(files.items(), key=lambda pair: -len(pair[1]))
    for fault, paths in faults[:_FAULTS]:
        more = f" and {len(paths) - _SHOWN:,} more" if len(paths) > _SHOWN else ""
        yield f"{fault}: {', '.join(map(str, paths[:_SHOWN]))}{more}"
    if rest := sum(len(paths) for _, paths in faults[_FAULTS:]):
        yield f"otherwise broken: {rest:,} more"


def _in_short(error: Exception) -> str:
    bad = as_image_error(error)
    return f"{bad.fault} ({bad.why})" if bad.fault.startswith("cannot") else bad.fault


def _read(path: Path) -> tuple[int, int, list[str]]:
    """The digest of a file, when it was written, and what its header asks for beside decoding."""
    from PIL import Image

    status = regular(path)
    with open(path, "rb") as stream:
        source = BytesIO(stream.read()) if status.st_size <= BLOCK else stream
        content = _digest(source)
        with Image.open(source) as file:
            require_pixels(file)
            whole = not isinstance(source, BytesIO) or _whole(file, source.getvalue(), source.tell())
            kinds = list(_kinds(file))
            if not whole:
                file.load()  # raises where pixels are missing
            return content, status.st_mtime_ns, kinds


def _digest(stream: BinaryIO) -> int:
    """Eight bytes of BLAKE2b over what a stream holds."""
    content = hashlib.blake2b(digest_size=8)
    while block := stream.read(BLOCK):
        content.update(block)
    return int.from_bytes(content.digest(), "little")


def _whole(file: ImageFile, data: bytes, header: int) -> bool:
    """Whether nothing is cut off at the end, as far as that can be told cheaply; False where it has to be decoded.

    Args:
        file, data: the image, and its bytes.
        header: how many of them were read to open it.
    """
    if file.format in ("JPEG", "PNG"):  # other data may follow, and other images be before
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


def _kinds(file: ImageFile) -> Iterator[str]:
    from PIL import Image

    if has_deep_greys(file) and stated_bits(file) is None:
        yield DEEP
    elif file.format in ("PNG", "TIFF") and ";16" in str(file.tile[:1]):
        yield "of 16-bit colours (the upper 8 are taken)"
    if file.has_transparency_data:
        yield "transparent (on white)"
    if getattr(file, "is_animated", False):
        yield "of several frames (the first is taken)"
    exif = Image.Exif()
    try:
        exif.load(file.info.get("exif", b""))
        orientation = exif.get(ORIENTATION, tag(file, ORIENTATION))
    except Exception:  # whatever its parser meets
        yield "with damaged EXIF (taken as they lie)"
    else:
        if orientation in range(2, 9):
            yield "turned as their EXIF says"
