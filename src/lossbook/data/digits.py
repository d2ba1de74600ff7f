"""scikit-learn's handwritten digits, and the split from which all datasets composed of digits are drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lossbook.data.images.reader import ImageReader
from lossbook.data.schema import Schema
from lossbook.data.sklearn_files import read_digits
from lossbook.data.source import PARTS, Parts, Source
from lossbook.data.split import stratified_split
from lossbook.data.statistics import described_parts

INK = 16  # the darkest level of a pixel
CLASS_NAMES = tuple("0123456789")


@dataclass(frozen=True)
class Handwriting:
    """The digits of one part: images (N, 8, 8) uint8 in 0..16, labels (N,) int64."""

    images: np.ndarray
    labels: np.ndarray


def handwriting(seed: int) -> dict[str, Handwriting]:
    """Return the digits of ``train``, ``val`` and ``test``, which are disjoint, as are datasets composed of them."""
    images, labels = read_digits()
    rows = stratified_split(labels, seed)
    return {part: Handwriting(images[chosen], labels[chosen]) for part, chosen in zip(PARTS, rows, strict=True)}


def generator(seed: int, part: str) -> np.random.Generator:
    """Return the generator for composing one part; only integers are drawn, so that all machines agree."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, PARTS.index(part)])))


def as_input(levels: np.ndarray) -> Tensor:
    """Convert levels (N, H, W) in 0..16 to one channel (N, 1, H, W) float32 in [0, 1]."""
    return torch.from_numpy(levels.astype(np.float32) / INK).unsqueeze(1)


@dataclass(frozen=True)
class Digits(Source):
    """1,797 digits of 1 x 8 x 8 in [0, 1], ten classes, split 1258 / 269 / 270."""

    seed: int = 0

    def load(self) -> Parts:
        parts = {
            name: {"input": as_input(part.images), "target": torch.from_numpy(part.labels)}
            for name, part in handwriting(self.seed).items()
        }
        schema = Schema("class", (1, 8, 8), 0, classes=10, class_names=CLASS_NAMES)
        return described_parts(schema, parts, reader=ImageReader.of_shape(schema.input_shape))
