"""Two handwritten digits blended into one image; the target is the distribution of their weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from lossbook.data.digits import CLASS_NAMES, INK, Handwriting, generator, handwriting
from lossbook.data.images.reader import ImageReader
from lossbook.data.schema import Schema
from lossbook.data.source import Parts, Source
from lossbook.data.statistics import described_parts

STEPS = 16  # weights are multiples of 1/16, so that all pixels and targets are exact in float32
SAMPLES = {"train": 4000, "val": 800, "test": 800}


def compose(source: Handwriting, samples: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Compose images (N, 1, 8, 8) in [0, 1] and distributions over the digits (N, 10), both float32.

    The weight of the first digit is uniform over 0, 1/16, ..., 1; the second digit has the rest.
    """
    rows = random.integers(0, len(source.labels), (samples, 2))
    first = random.integers(0, STEPS + 1, samples)
    weights = np.stack([first, STEPS - first], 1)
    images = (source.images[rows].astype(np.int64) * weights[:, :, None, None]).sum(1) / (STEPS * INK)
    target = ((source.labels[rows][:, :, None] == np.arange(10)) * weights[:, :, None]).sum(1) / STEPS
    return images[:, None].astype(np.float32), target.astype(np.float32)


@dataclass(frozen=True)
class DigitMixtures(Source):
    """Blends of 1 x 8 x 8; the target is a distribution over ten classes."""

    seed: int = 0

    def load(self) -> Parts:
        parts = {}
        for part, source in handwriting(self.seed).items():
            images, target = compose(source, SAMPLES[part], generator(self.seed, part))
            parts[part] = {"input": torch.from_numpy(images), "target": torch.from_numpy(target)}
        schema = Schema("distribution", (1, 8, 8), 0, classes=10, class_names=CLASS_NAMES)
        return described_parts(schema, parts, reader=ImageReader.of_shape(schema.input_shape))
