"""Where decoded images are kept between epochs: in memory, or in a file that further runs use as well."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sys
import threading
import zlib
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from lossbook.data.images.format import ImageFormat
from lossbook.errors import refuse

_VERSION = 1  # of decoding and of the files
_BLOCK = 64  # rows read at once to verify them
_SPARE = 0.9  # of the memory that is available


class PixelStore(ABC):
    """Images of one format, (N, channels, height, width) uint8, filled row by row."""

    shape: tuple[int, ...]
    on_disk = False

    @property
    def size(self) -> int:
        """Bytes of all images."""
        return int(np.prod(self.shape))

    @abstractmethod
    def holds(self, rows: np.ndarray) -> bool:
        """Return whether all of these rows are there."""

    @abstractmethod
    def read(self, rows: np.ndarray) -> np.ndarray:
        """Return rows that are there, (n, channels, height, width)."""

    @abstractmethod
    def write(self, rows: np.ndarray, pixels: np.ndarray) -> None:
        """Keep these rows."""


class RamStore(PixelStore):
    """Images in the memory of this process; workers start with what is there when they start."""

    def __init__(self, samples: int, form: ImageFormat) -> None:
        self.shape = (samples, *form.shape)
        needed, there = self.size, available_memory()
        if there is not None and needed > _SPARE * there:
            rule = f"{samples:,} images of {' x '.join(map(str, form.shape))} take {gigabytes(needed)}."
            raise refuse("data.cache=ram", f"{rule} {gigabytes(there)} of memory are free.", "data.cache=disk")
        self._pixels = np.empty(self.shape, np.uint8)  # takes memory only as it is filled
        self._present = np.zeros(samples, bool)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the images behind where a worker is started by pickling."""
        empty = np.zeros(len(self._present), bool)
        return {"shape": self.shape, "_pixels": np.empty((0, *self.shape[1:]), np.uint8), "_present": empty}

    def holds(self, rows: np.ndarray) -> bool:
        return bool(self._present[rows].all())

    def read(self, rows: np.ndarray) -> np.ndarray:
        return self._pixels[rows]

    def write(self, rows: np.ndarray, pixels: np.ndarray) -> None:
        self._pixels[rows] = pixels
        self._present[rows] = True


class DiskStore(PixelStore):
    """Images in a file, of which no more than is asked for is ever in memory.

    A row is present where it has a checksum, which is written after its pixels. Several runs may fill one file, since
    all write the same. What a run that was killed has left is verified by the checksums, until ``complete`` says that
    everything is safely on the disk.

    Args:
        folder: with ``pixels``, ``checksums`` and perhaps ``complete``; made by ``disk_store``.
        samples: number of images.
        form: of the images.
    """

    on_disk = True

    def __init__(self, folder: Path, samples: int, form: ImageFormat) -> None:
        self.folder, self.shape = folder, (samples, *form.shape)
        self._bytes = form.bytes
        self.complete = (folder / "complete").exists()
        self._checksums = self._mapped()
        if not self.complete:
            self._verify()

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_checksums": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._checksums = self._mapped()

    def holds(self, rows: np.ndarray) -> bool:
        return self.complete or bool(self._checksums[rows].all())

    @property
    def present(self) -> int:
        """How many images are there."""
        return int(np.count_nonzero(self._checksums))

    def read(self, rows: np.ndarray) -> np.ndarray:
        pixels = np.empty((len(rows), *self.shape[1:]), np.uint8)
        flat = pixels.reshape(len(rows), self._bytes)
        # not by mapping the file: its pages would count as memory of the process, up to the size of the file; and it is
        # opened each time, which takes microseconds, since a forked process would share the position with its parent
        with open(self.folder / "pixels", "rb", buffering=0) as file:
            for place, row in enumerate(rows):
                file.seek(int(row) * self._bytes)
                if file.readinto(flat[place].data) != self._bytes:
                    rule = "It was changed while it was used."
                    raise refuse(f"{self.folder} is incomplete", rule, "remove the folder")
        return pixels

    def write(self, rows: np.ndarray, pixels: np.ndarray) -> None:
        new = self._checksums[rows] == 0
        if not new.any():
            return
        with open(self.folder / "pixels", "r+b", buffering=0) as file:
            for row, image in zip(rows[new], pixels[new], strict=True):
                file.seek(int(row) * self._bytes)
                file.write(np.ascontiguousarray(image).data)
                self._checksums[row] = _checksum(image)
        if not self.complete and self._checksums.all():
            self.complete = True
            threading.Thread(target=self._finish).start()  # gigabytes may have to reach the disk; training goes on

    def _finish(self) -> None:
        with open(self.folder / "pixels", "r+b") as file:
            os.fsync(file.fileno())
        self._checksums.flush()
        (self.folder / "complete").touch()

    def _mapped(self) -> np.memmap[Any, Any]:
        return np.memmap(self.folder / "checksums", np.uint32, "r+", shape=(self.shape[0],))

    def _verify(self) -> None:
        """Forget rows whose pixels have not reached the disk."""
        there = np.flatnonzero(self._checksums)
        for rows in (there[start : start + _BLOCK] for start in range(0, len(there), _BLOCK)):
            right = [self._checksums[row] == _checksum(image) for row, image in zip(rows, self.read(rows), strict=True)]
            self._checksums[rows[~np.array(right, bool)]] = 0


def disk_store(folder: Path, digests: np.ndarray, form: ImageFormat) -> DiskStore:
    """Return the store of these images in a folder of caches; it is made where it is not there.

    Args:
        folder: of caches.
        digests: (N,) uint64 of the files' contents: any change of a file leads to another store.
        form: of the images.

    Raises:
        UserError: the folder cannot be written, or the disk is full.
    """
    what = {"version": _VERSION, "samples": len(digests), **vars(form)}
    key = hashlib.blake2b(json.dumps(what).encode() + digests.astype("<u8").tobytes(), digest_size=8).hexdigest()
    place = folder / key
    needed = len(digests) * form.bytes
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f"{key}.lock"):
            if not (place / "about.json").exists():
                _make(place, needed, len(digests), what)
        return DiskStore(place, len(digests), form)
    except OSError as error:
        with contextlib.suppress(OSError):
            free = shutil.disk_usage(folder).free
            raise refuse(
                f"data.cache=disk: {place} cannot be written ({error.strerror or error}).",
                f"{len(digests):,} images take {gigabytes(needed)}; {gigabytes(free)} are free there.",
                "data.cache_dir=PATH with more room, or data.cache=none",
            ) from error
        rule = "The cache on disk needs a folder that can be written."
        raise refuse(f"data.cache_dir={folder} ({error.strerror or error})", rule, "data.cache_dir=PATH") from error


def cache_folder(given: str | None) -> Path:
    """Return the folder of caches: the one that is given, or one in the user's cache folder."""
    if given is not None:
        return Path(given).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "lossbook" / "images"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lossbook" / "images"


def _make(place: Path, size: int, samples: int, what: dict[str, Any]) -> None:
    """Make an empty store; its space is taken at once, so that no later write can fail for want of it."""
    shutil.rmtree(place, ignore_errors=True)  # what a killed process left
    place.mkdir()
    with open(place / "pixels", "wb") as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
        else:
            file.truncate(size)
    np.zeros(samples, np.uint32).tofile(place / "checksums")
    (place / "about.json").write_text(json.dumps(what))


def _checksum(image: np.ndarray) -> int:
    return zlib.adler32(np.ascontiguousarray(image).data) or 1


def available_memory() -> int | None:
    """Return the bytes of memory that are free for this process; None where the system does not tell."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return None


def gigabytes(size: int) -> str:
    """Return a number of bytes in words."""
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"
