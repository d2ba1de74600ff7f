"""What is measured on a Dataset's items: statistics of channels, and the pixels of each value of a mask."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from lossbook.data.datasets.part import DatasetPart
from lossbook.data.datasets.targets import mask_array
from lossbook.data.source import Normalise


def measured_channels(train: DatasetPart, used: int) -> Normalise:
    """Return the mean and standard deviation of each channel of the first ``used`` samples, of values in [0, 1]."""
    total, squares, count = torch.zeros(()), torch.zeros(()), 0
    for row in range(used):
        given = train[row]["input"]
        for image in given if isinstance(given, tuple) else (given,):
            levels = image.double() / 255 if image.dtype == torch.uint8 else image.double()
            total, squares = total + levels.sum((1, 2)), squares + (levels**2).sum((1, 2))
            count += levels[0].numel()
    mean = total / count
    scale = (squares / count - mean**2).clamp_min(0).sqrt().clamp_min(1 / 255)
    return tuple(mean.tolist()), tuple(scale.tolist())


def mask_counts(given: Any) -> dict[int, int]:
    """Return the number of pixels of each value of a mask."""
    values, counts = np.unique(mask_array(given), return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))
