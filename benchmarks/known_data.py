"""Measure what a run spends on identifying its data: digests, fingerprint, overlaps, and the state in checkpoints.

    python benchmarks/known_data.py --mnist PATH       # the folder that torchvision takes as root; 20 epochs
    python benchmarks/known_data.py --images 10000     # generated files; 2 epochs, extrapolated to 20

Both are timed within one default run, on one thread, as a share of the whole run.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

import lossbook
from lossbook.data.fitted import FittedData
from lossbook.data.images import folder as image_folder
from lossbook.training import assemble

EPOCHS = 20
CLASSES = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mnist", type=Path, help="torchvision's root of MNIST")
    parser.add_argument("--images", type=int, help="how many files")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        if options.mnist:
            given = ["data=mnist", f"data.root={options.mnist}", "model=mlp", f"trainer.max_epochs={EPOCHS}"]
            share("MNIST, mlp", given, Path(place), EPOCHS)
        if options.images:
            draw(Path(place) / "images", options.images)
            given = ["data=image_folder", f"data.root={Path(place) / 'images'}", "trainer.max_epochs=2"]
            share(f"{options.images:,} image files, cnn", given, Path(place), 2)


def share(name: str, given: list[str], place: Path, epochs: int) -> None:
    """Print the share of a run that its checks take."""
    spent: Counter[str] = Counter()

    def timed(function: Callable[..., Any], label: str) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*arguments, **options)
            finally:
                spent[label] += time.perf_counter() - start  # type: ignore[assignment]

        return call

    checks = [
        (assemble, "content", "digests of the inputs"),
        (assemble, "overlaps", "overlaps"),
        (assemble, "try_batch", "two samples tried"),
        (image_folder, "scan", "files read and looked at"),
    ]
    patches = [mock.patch.object(owner, label, timed(getattr(owner, label), said)) for owner, label, said in checks]
    fitted = timed(FittedData.of, "fingerprint")
    patches += [mock.patch.object(FittedData, "of", fitted)]
    patches += [mock.patch.object(FittedData, "state", timed(FittedData.state, "state for checkpoints"))]
    for patch in patches:
        patch.start()
    start = time.perf_counter()
    config = lossbook.compose(*given, "trainer=cpu")
    lossbook.train(config, place / f"run {name}")
    whole = time.perf_counter() - start
    for patch in patches:
        patch.stop()
    total = sum(spent.values())
    rest = (whole - total) * EPOCHS / epochs
    print(f"\n{name}: {whole:.1f} s for {epochs} epochs")
    for label, seconds in spent.most_common():
        print(f"  {label:<28} {seconds:8.4f} s")
    by = "" if epochs == EPOCHS else f", extrapolated from {epochs}"
    print(f"  {'all of them':<28} {total:8.4f} s, {total / (total + rest):.2%} of {EPOCHS} epochs{by}")


def draw(folder: Path, count: int) -> None:
    """Write JPEG files of 256 x 256 into class folders."""
    from PIL import Image

    random = np.random.Generator(np.random.PCG64(0))
    for number in range(CLASSES):
        (folder / f"class{number}").mkdir(parents=True)
    for number in range(count):
        coarse = random.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        coarse[:, number % CLASSES] //= 4
        image = Image.fromarray(coarse).resize((256, 256), Image.Resampling.BICUBIC)
        image.save(folder / f"class{number % CLASSES}" / f"{number}.jpg", quality=85)


if __name__ == "__main__":
    main()
