"""The mean and standard deviation of each channel, measured on decoded images."""

from __future__ import annotations

import numpy as np

from lossbook.data.images.files import ImageFiles
from lossbook.data.source import Normalise

MOST = 2000  # images that are decoded for it
_LEAST_SCALE = 1 / 255  # of a channel that is the same everywhere


def channel_statistics(train: ImageFiles) -> tuple[Normalise, list[str]]:
    """Measure the mean and the population standard deviation of each channel, of values in [0, 1].

    Args:
        train: the training part in random order; of more than ``MOST`` images, the first are a random sample.

    Returns:
        The statistics, and a note on them.
    """
    channels = train.form.channels
    counts = np.zeros((channels, 256), np.int64)
    used = min(len(train), MOST)
    for row in range(used):
        pixels = train.pixels(row)
        for channel in range(channels):
            counts[channel] += np.bincount(pixels[channel].reshape(-1), minlength=256)
    level = np.arange(256) / 255
    mean = counts @ level / counts.sum(1)
    variance = np.maximum(counts @ level**2 / counts.sum(1) - mean**2, 0)
    scale = np.maximum(np.sqrt(variance), _LEAST_SCALE)
    of = f"the {used:,} training images" if used == len(train) else f"{used:,} of {len(train):,} training images"
    said = "; ".join(f"{name} {', '.join(f'{one:.3f}' for one in each)}" for name, each in
                     (("mean", mean), ("standard deviation", scale)))  # fmt: skip
    return (tuple(mean.tolist()), tuple(scale.tolist())), [f"channels measured on {of}: {said}"]
