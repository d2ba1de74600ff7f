"""Measure images from disk to batches on the CPU beside torchvision's ImageFolder and DataLoader, in alternation.

    python benchmarks/images.py                      # 10,000 JPEG files of 256 x 256, in a temporary folder
    python benchmarks/images.py --files 1000 --epochs 2

Both give batches of 3 x 224 x 224 in float32, normalised, half of the images flipped, with as many workers. By hand:
``ImageFolder``, ``v2.Resize``, ``v2.RandomHorizontalFlip``, ``v2.ToDtype``, ``v2.Normalize`` in the workers. Lossbook:
``data=image_folder data.cache=disk``, whose first epoch decodes and fills the cache. Files are in the page cache for
both. Then each set is read in a process of its own, of a fifth of the files and of all, for the peak memory.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SIDE, USED = 256, 224
MEAN, SCALE = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def main() -> None:
    """Make the files, time the epochs, and measure memory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--memory-of", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory_of:
        _print_memory(options.memory_of, options)
        return
    with tempfile.TemporaryDirectory(prefix="lossbook-images-") as place:
        root = Path(place)
        for name, files in (("small", options.files // 5), ("large", options.files)):
            _make(root / name, files)
        _time(root / "large", options)
        for cache in ("disk", "none"):
            peaks = [_peak(root / name, cache, options) for name in ("small", "large")]
            print(f"peak memory, cache={cache}: {peaks[0]} MB with {options.files // 5:,} files, {peaks[1]} MB with "
                  f"{options.files:,} ({peaks[1] - peaks[0]:+} MB)")  # fmt: skip


def _make(root: Path, files: int) -> None:
    """Write crops of scikit-learn's photographs, as a training part and small others."""
    import numpy as np
    from PIL import Image
    from sklearn.datasets import load_sample_image

    photos = [load_sample_image(name) for name in ("china.jpg", "flower.jpg")]
    draw = np.random.default_rng(0)
    for part, count in (("train", files), ("val", 20), ("test", 20)):
        for number in range(10):
            (root / part / f"class{number}").mkdir(parents=True)
        for number in range(count):
            top, left = draw.integers(0, 427 - SIDE), draw.integers(0, 640 - SIDE)
            crop = np.roll(photos[number % 2][top : top + SIDE, left : left + SIDE], number % 3, 2)
            Image.fromarray(crop).save(root / part / f"class{number % 10}" / f"{part}{number}.jpg", quality=90)


def _time(root: Path, options: argparse.Namespace) -> None:
    ours = _Lossbook(root, "disk", root.parent / "cache", options)
    hand = _by_hand(root, options)
    for path in root.rglob("*.jpg"):
        path.read_bytes()
    print(f"{options.files:,} files, {options.workers} workers; Lossbook checks every file first: {ours.start:.2f} s")
    for epoch in range(options.epochs):
        hands, own = (options.files / _seconds(batches) for batches in (_batches(hand), ours.epoch(epoch)))
        print(f"epoch {epoch + 1}: by hand {hands:,.0f} images/s, Lossbook {own:,.0f} ({own / hands:.2f} times)")


def _seconds(batches: Iterator[Any]) -> float:
    start = time.perf_counter()
    for images in batches:
        assert images.shape[1:] == (3, USED, USED)
        assert images.dtype.is_floating_point
    return time.perf_counter() - start


def _by_hand(root: Path, options: argparse.Namespace) -> Any:
    import torch
    from torch.utils.data import DataLoader
    from torchvision.datasets import ImageFolder
    from torchvision.transforms import v2

    steps = [v2.ToImage(), v2.Resize(USED), v2.RandomHorizontalFlip(), v2.ToDtype(torch.float32, scale=True)]
    data = ImageFolder(str(root / "train"), v2.Compose([*steps, v2.Normalize(MEAN, SCALE)]))
    workers = {"num_workers": options.workers, "persistent_workers": options.workers > 0}
    return DataLoader(data, options.batch_size, shuffle=True, **workers)


def _batches(loader: Any) -> Iterator[Any]:
    for images, _ in loader:
        yield images


class _Lossbook:
    """The loader of a run, and what happens to its batches."""

    def __init__(self, root: Path, cache: str, folder: Path, options: argparse.Namespace) -> None:
        from lossbook.data.augment import HorizontalFlip
        from lossbook.data.images.cached import cached_parts
        from lossbook.data.images.folder import ImageFolder
        from lossbook.data.module import DataModule
        from lossbook.training.freed_memory import keep_freed_memory

        keep_freed_memory()  # as a run on the CPU does
        start = time.perf_counter()
        parts = ImageFolder(str(root), image_size=USED).load()
        self.start = time.perf_counter() - start
        parts = cached_parts(parts, cache, str(folder) if cache == "disk" else None)
        flips = [HorizontalFlip()]
        self.data = DataModule(parts, options.batch_size, augment=flips, num_workers=options.workers)
        self.loader = self.data.train_dataloader()

    def epoch(self, number: int) -> Iterator[Any]:
        """Yield the inputs of an epoch's batches as a network sees them."""
        self.loader.sampler.set_epoch(number)
        for batch in self.loader:
            yield self.data.preparing.training(batch)["input"]


def _peak(root: Path, cache: str, options: argparse.Namespace) -> int:
    """Return the peak memory in MB of a process that reads two epochs."""
    given = [f"--{key}={getattr(options, key.replace('-', '_'))}" for key in ("workers", "batch-size")]
    shutil.rmtree(root.parent / "cache", ignore_errors=True)
    command = [sys.executable, __file__, *given, f"--memory-of={root}", f"--files={0 if cache == 'none' else 1}"]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _print_memory(root: Path, options: argparse.Namespace) -> None:
    ours = _Lossbook(root, "disk" if options.files else "none", root.parent / "cache", options)
    for epoch in range(2):
        _seconds(ours.epoch(epoch))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


if __name__ == "__main__":
    main()
