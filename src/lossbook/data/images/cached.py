"""A dataset of image files that are decoded once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lossbook.data.batch_cache import BatchCache
from lossbook.data.images.files import ImageFiles
from lossbook.data.images.pixel_stores import (
    PixelStore,
    RamStore,
    available_memory,
    cache_folder,
    disk_store,
    gigabytes,
)
from lossbook.data.source import PARTS, Parts
from lossbook.errors import refuse

AUTO = "auto"
_SMALL = 10**9  # bytes of images that are kept in memory without being asked for
_SHARE = 0.25  # of the memory that is available


def cached_parts(parts: Parts, cache: str, folder: str | None) -> Parts:
    """Return parts whose images are decoded once.

    Args:
        parts: of ``ImageFiles`` that were scanned.
        cache: ``ram`` or ``disk``; ``none`` leaves the parts as they are; ``auto`` is ``ram`` where all images take
            little memory, otherwise ``none``.
        folder: of the cache on disk; None for one in the user's cache folder.

    Raises:
        UserError: the parts are of other data, or the images do not fit.
    """
    if cache == "none":
        if folder is not None:
            rule = "The folder of the cache on disk has no effect without it."
            raise refuse(f"data.cache_dir={folder} data.cache=none", rule, "data.cache=disk")
        return parts
    files = {name: part for name in PARTS if isinstance(part := getattr(parts, name), ImageFiles)}
    digests = [part.digests for part in files.values() if part.digests is not None]
    if len(digests) < len(PARTS) and cache == AUTO:
        return parts
    if len(digests) < len(PARTS):
        rule = "What is kept is decoded image files; this data has none."
        raise refuse(f"data.cache={cache} has no effect", rule, "data.cache=none")
    every = np.unique(np.concatenate(digests))  # the same for parts that are drawn otherwise
    form = files["train"].form
    if cache == AUTO and folder is None and not _is_small(len(every) * form.bytes):
        return parts
    if cache in ("ram", AUTO):
        if folder is not None:
            rule = "The cache in memory has no folder."
            raise refuse(f"data.cache_dir={folder} data.cache={cache}", rule, "data.cache=disk")
        store: PixelStore = RamStore(len(every), form)
        note = f"decoded images stay in memory: up to {gigabytes(store.size)}"
    else:
        store = disk_store(cache_folder(folder), every, form)
        there = "all" if store.present == len(every) else f"{store.present:,} of {len(every):,}"
        note = f"decoded images stay in {store.folder}: {gigabytes(store.size)}, {there} there by now"
    train, val, test = (
        CachedImages(files[name], store, np.searchsorted(every, digests[place])) for place, name in enumerate(PARTS)
    )
    return replace(parts, train=train, val=val, test=test, notes=(*parts.notes, note))


def _is_small(size: int) -> bool:
    there = available_memory()
    return size <= (_SMALL if there is None else min(_SMALL, _SHARE * there))


class CachedImages(BatchCache):
    """The images of ``ImageFiles``, kept in a store from the first epoch on.

    Args:
        files: some or all of the files that the store is of.
        store: of their pixels.
        places: (N,) rows of the store, one a file.
    """

    def __init__(self, files: ImageFiles, store: PixelStore, places: np.ndarray) -> None:
        self.files, self.store, self.places = files, store, places
        self.on_disk = store.on_disk

    def __len__(self) -> int:
        return len(self.files)

    @property
    def paths(self) -> Sequence[Path]:
        """Of the files."""
        return self.files.paths

    @property
    def targets(self) -> Tensor | None:
        """(N, ...), one a sample."""
        return self.files.targets

    @property
    def digests(self) -> np.ndarray | None:
        """Digests of the files' contents, (N,) uint64."""
        return self.files.digests

    def __getitem__(self, index: int) -> dict[str, Any]:
        place = self.places[index : index + 1]
        if not self.store.holds(place):
            return self.files[index]
        sample = {"input": torch.from_numpy(self.store.read(place)[0])}
        return sample if self.targets is None else {**sample, "target": self.targets[index]}

    def rows(self, chosen: np.ndarray) -> CachedImages:
        """Return the dataset of some of the files, in this order."""
        return CachedImages(self.files.rows(chosen), self.store, self.places[chosen])

    def holds(self, rows: Tensor) -> bool:
        return self.store.holds(self.places[rows.numpy()])

    def batch(self, rows: Tensor) -> dict[str, Any]:
        batch = {"input": torch.from_numpy(self.store.read(self.places[rows.numpy()]))}
        return batch if self.targets is None else {**batch, "target": self.targets[rows]}

    def keep(self, rows: Tensor, batch: dict[str, Any]) -> None:
        self.store.write(self.places[rows.numpy()], batch["input"].numpy())
