"""Lines of one to eight handwritten digits with random gaps, shifts and noise, to be read as text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from lossbook.data.digits import CLASS_NAMES, INK, PARTS, Handwriting, as_input, generator, handwriting
from lossbook.data.images.reader import ImageReader
from lossbook.data.schema import Schema
from lossbook.data.source import Parts, Source
from lossbook.data.statistics import described_parts

DIGIT = 8
MOST = 8  # digits per line
GAP = 3  # columns at most between two digits, before the first and after the last
HEIGHT = 12  # a digit is 0 to 4 rows from the top
WIDTH = 96  # 8 digits and 9 gaps take 91; a multiple of 16 for networks that halve it
NOISE = 3  # levels of 16 at most that are added to a pixel
SAMPLES = {"train": 5000, "val": 800, "test": 800}


@dataclass(frozen=True)
class Lines:
    """Images of lines and their texts.

    Args:
        levels: (N, 12, 96) uint8 in 0..16, 0 beyond a line's width.
        widths: (N,) width of each line in columns.
        text: (N, 8) int64, the digits from left to right, padded with -1.
        lengths: (N,) number of digits in each line.
    """

    levels: np.ndarray
    widths: np.ndarray
    text: np.ndarray
    lengths: np.ndarray


def compose(source: Handwriting, samples: int, random: np.random.Generator) -> Lines:
    """Compose lines of digits drawn with replacement, with uniform gaps, shifts and noise."""
    lengths = random.integers(1, MOST + 1, samples)
    chosen = random.integers(0, len(source.labels), (samples, MOST))
    gaps = random.integers(0, GAP + 1, (samples, MOST + 1))
    rows = random.integers(0, HEIGHT - DIGIT + 1, (samples, MOST))
    left = np.cumsum(gaps[:, :-1], 1) + DIGIT * np.arange(MOST)
    last = lengths - 1
    every = np.arange(samples)
    widths = left[every, last] + DIGIT + gaps[every, last + 1]
    levels = np.zeros((samples, HEIGHT, WIDTH), np.uint8)
    inside = np.arange(DIGIT)
    for place in range(MOST):
        line = np.flatnonzero(place < lengths)
        levels[
            line[:, None, None],
            rows[line, place, None, None] + inside[:, None],
            left[line, place, None, None] + inside,
        ] = source.images[chosen[line, place]]
    levels += random.integers(0, NOISE + 1, levels.shape, dtype=np.uint8)
    levels = np.minimum(levels, INK) * (np.arange(WIDTH) < widths[:, None])[:, None].astype(np.uint8)
    text = np.where(np.arange(MOST) < lengths[:, None], source.labels[chosen], -1)
    return Lines(levels, widths, text, lengths)


@dataclass(frozen=True)
class DigitLines(Source):
    """Lines of 1 x 12 x 96 in [0, 1]; ``input_lengths`` (columns), ``target`` (N, 8), ``target_lengths``."""

    seed: int = 0

    def load(self) -> Parts:
        source = handwriting(self.seed)
        parts = {}
        for part in PARTS:
            lines = compose(source[part], SAMPLES[part], generator(self.seed, part))
            parts[part] = {
                "input": as_input(lines.levels),
                "target": torch.from_numpy(lines.text),
                "input_lengths": torch.from_numpy(lines.widths),
                "target_lengths": torch.from_numpy(lines.lengths),
            }
        schema = Schema("text", (1, HEIGHT, WIDTH), 0, classes=10, class_names=CLASS_NAMES, alphabet=CLASS_NAMES)
        return described_parts(schema, parts, reader=ImageReader.of_shape(schema.input_shape))
