"""Handwritten digits as bags of discrete tokens, for models with sparse gradients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from lossbook.data.digits import CLASS_NAMES, INK, handwriting
from lossbook.data.schema import Schema
from lossbook.data.source import Parts, Source
from lossbook.data.statistics import described_parts

LEVELS = 4  # of ink; few, so that each token occurs often enough to be learned
PLACES = 64
PADDING = 0
VOCABULARY = 1 + PLACES * LEVELS


@dataclass(frozen=True)
class DigitTokens(Source):
    """The digits of ``Digits`` in the same parts, as the tokens of their inked pixels: (N, 256) int64, ten classes."""

    seed: int = 0

    def load(self) -> Parts:
        parts = {
            name: {"input": torch.from_numpy(as_tokens(part.images)), "target": torch.from_numpy(part.labels)}
            for name, part in handwriting(self.seed).items()
        }
        shape = (PLACES * LEVELS,)
        schema = Schema("class", shape, 0, classes=10, class_names=CLASS_NAMES, vocabulary=VOCABULARY)
        return described_parts(schema, parts)


def as_tokens(images: np.ndarray) -> np.ndarray:
    """Convert images (N, 8, 8) uint8 in 0..16 to bags of tokens (N, 256) int64, padded with 0 at the end.

    A pixel without ink gives no token. One with ink gives a token for its position and its level, 1 to 4, and one for
    its position and each lower level, so that neighbouring levels share parameters.
    """
    ink = -(-images.reshape(len(images), PLACES, 1).astype(np.int64) * LEVELS // INK)  # rounded up: any ink counts
    levels = np.arange(1, LEVELS + 1)
    tokens = np.where(levels <= ink, token(np.arange(PLACES)[:, None], levels), PADDING).reshape(len(images), -1)
    to_the_front = np.argsort(tokens == PADDING, axis=1, kind="stable")
    return np.take_along_axis(tokens, to_the_front, axis=1)


def token(place: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Return the token (>= 1) of a position 0..63, counted by rows, and a level 1..4."""
    return place * LEVELS + level
