"""Explicit pairs and triplets of handwritten digits, as metric learning datasets often provide them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lossbook.data.digits import PARTS, Handwriting, as_input, generator, handwriting
from lossbook.data.images.reader import ImageReader
from lossbook.data.schema import Schema
from lossbook.data.source import Part, Parts, Source
from lossbook.data.statistics import described_parts

SHAPE = (1, 8, 8)
SAMPLES = {"train": 4000, "val": 800, "test": 800}


@dataclass(frozen=True)
class ByClass:
    """Samples sorted by class, so that a partner of a given class takes one draw."""

    order: np.ndarray
    labels: np.ndarray
    start: np.ndarray
    size: np.ndarray

    @classmethod
    def of(cls, labels: np.ndarray) -> ByClass:
        size = np.bincount(labels, minlength=10)
        return cls(np.argsort(labels, kind="stable"), np.sort(labels), np.cumsum(size) - size, size)

    def same(self, anchor: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Draw other samples of the anchors' classes, as positions in the order."""
        start, size = self.start[self.labels[anchor]], self.size[self.labels[anchor]]
        return start + (anchor - start + random.integers(1, size)) % size

    def other(self, anchor: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Draw samples of other classes than the anchors', all equally likely, as positions in the order."""
        label = (self.labels[anchor] + random.integers(1, 10, len(anchor))) % 10
        return self.start[label] + random.integers(0, self.size[label])


def pairs(source: Handwriting, samples: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw the rows of the first and second sample of each pair, and whether they are the same digit (half are)."""
    classes = ByClass.of(source.labels)
    anchor = random.integers(0, len(classes.order), samples)
    same = random.integers(0, 2, samples)
    partner = np.where(same == 1, classes.same(anchor, random), classes.other(anchor, random))
    return classes.order[anchor], classes.order[partner], same


def triplets(
    source: Handwriting, samples: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw the rows of anchors, positives (another sample of the same digit) and negatives (of another digit)."""
    classes = ByClass.of(source.labels)
    anchor = random.integers(0, len(classes.order), samples)
    positive, negative = classes.same(anchor, random), classes.other(anchor, random)
    return classes.order[anchor], classes.order[positive], classes.order[negative]


def _images(source: Handwriting, *rows: np.ndarray) -> tuple[Tensor, ...]:
    return tuple(as_input(source.images[row]) for row in rows)


@dataclass(frozen=True)
class DigitPairs(Source):
    """Two inputs of 1 x 8 x 8 per sample; the target is 1 for the same digit and 0 for different ones."""

    seed: int = 0

    def load(self) -> Parts:
        parts: dict[str, Part] = {}
        for part, source in handwriting(self.seed).items():
            first, second, same = pairs(source, SAMPLES[part], generator(self.seed, part))
            parts[part] = {"input": _images(source, first, second), "target": torch.from_numpy(same)}
        return described_parts(Schema("pair", SHAPE, 0), parts, reader=ImageReader.of_shape(SHAPE))


@dataclass(frozen=True)
class DigitTriplets(Source):
    """Three inputs of 1 x 8 x 8 per sample: anchor, positive, negative; no target."""

    seed: int = 0

    def load(self) -> Parts:
        source = handwriting(self.seed)
        parts = {
            part: {"input": _images(source[part], *triplets(source[part], SAMPLES[part], generator(self.seed, part)))}
            for part in PARTS
        }
        return described_parts(Schema("triplet", SHAPE, 0), parts, reader=ImageReader.of_shape(SHAPE))
