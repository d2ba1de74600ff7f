"""Opening a list of image files: scanned, checked, and ready to be decoded; for every source that has such a list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lossbook.data.fitted import FittedData
from lossbook.data.images.files import ImageFiles
from lossbook.data.images.listing import counts_in_words
from lossbook.data.images.options import LARGEST_OWN, ImageOptions
from lossbook.data.images.reader import ImageReader
from lossbook.data.images.scan import Scan, faults, largest_grey, scan
from lossbook.data.images.statistics import channel_statistics
from lossbook.data.source import Normalise
from lossbook.errors import refuse

_DARK = 2**14  # if all 16-bit greys are below this, a quarter of white, they probably use fewer bits


@dataclass(frozen=True)
class OpenedImages:
    """Image files that can be read.

    Args:
        options: with which they were opened.
        files: those that can be read, without targets.
        rows: (n,) their places in the list that was given.
        digests: (n,) uint64, of their contents.
        kinds: how many need special treatment, by kind.
        notes: on those that were left out, for the user.
    """

    options: ImageOptions
    files: ImageFiles
    rows: np.ndarray
    digests: np.ndarray
    kinds: str
    notes: tuple[str, ...]

    @property
    def reader(self) -> ImageReader:
        """Reads further images as these are read."""
        return ImageReader.of(self.files.form)

    def normalisation(self, train: ImageFiles, known: Normalise | None = None) -> tuple[Normalise | None, list[str]]:
        """Return the mean and standard deviation of each channel, and what a user should know of them.

        Args:
            train: the training part.
            known: statistics of a checkpoint, which are not measured anew.
        """
        if not self.options.measured:
            return self.options.normalisation(), []
        return (known, []) if known is not None or not len(train) else channel_statistics(train)


def open_images(paths: Sequence[Path], options: ImageOptions, known: FittedData | None = None) -> OpenedImages:
    """Scan image files, and find out how to decode them.

    Args:
        paths: of the files.
        options: of the user.
        known: what a checkpoint was trained on; its images keep their size, and ``grey_bits`` may have no effect on
            these.

    Raises:
        UserError: files cannot be read, and ``on_bad`` is ``fail``; or none can; or options do not fit.
    """
    form = options.checked()
    skip = options.on_bad == "skip"
    scanned = scan(paths, skip)
    form = replace(form, grey_bits=_grey_bits(paths, scanned, options.grey_bits, known is not None))
    if options.image_size is None:
        form = replace(form, size=_own_size(scanned, known))
    good = np.array([row for row in range(len(paths)) if row not in scanned.bad], dtype=np.int64)
    if not len(good):
        rule = "\n  ".join(faults(paths, scanned.bad))
        raise refuse(f"none of {len(paths):,} images can be used", rule, "repair or replace the files")
    files = ImageFiles(paths, form, scan=scanned).rows(good)
    kinds = counts_in_words(scanned.kinds)
    return OpenedImages(options, files, good, scanned.digests[good], kinds, tuple(_left_out(paths, scanned)))


def _own_size(scanned: Scan, known: FittedData | None) -> tuple[int, int]:
    """Return the height and width of images for which none are given."""
    if known is not None:
        height, width = known.schema.input_shape[1:]
        return height, width
    shared = scanned.shared_size
    return shared if shared is not None and max(shared) <= LARGEST_OWN else (LARGEST_OWN, LARGEST_OWN)


def _left_out(paths: Sequence[Path], scanned: Scan) -> Iterator[str]:
    if scanned.bad:
        yield f"{len(scanned.bad):,} of {len(paths):,} images are left out (data.on_bad=skip)"
        yield from (f"  {line}" for line in faults(paths, scanned.bad))


def _grey_bits(paths: Sequence[Path], scanned: Scan, bits: int | None, known: bool) -> int:
    """Return the bits that 16-bit greys are taken to use; some images are decoded, since headers do not tell."""
    deep = [paths[row] for row in scanned.deep]
    if bits is not None and not deep and not known:
        rule = "No image has 16-bit greys, or their headers state the bits used."
        raise refuse(f"data.grey_bits={bits} has no effect", rule, "data.grey_bits=null")
    if not deep:
        return bits or 16
    if bits == 16:
        return 16
    largest, looked_at = largest_grey(deep)
    found = f"16-bit greys, at most {largest:,} in {looked_at} of {len(deep):,} such files"
    if bits is None and largest < _DARK:
        least = next(bits for bits in (8, 10, 12, 14) if largest < 2**bits)
        raise refuse(
            f"{deep[0]} has {found}",
            "With 65,535 as white these images would be dark.",
            f"data.grey_bits={least} makes {2**least - 1:,} white; data.grey_bits=16 keeps them dark",
        )
    if bits is not None and largest >> bits:
        raise refuse(f"data.grey_bits={bits}", f"The images have {found}.", "data.grey_bits=16")
    return bits or 16
