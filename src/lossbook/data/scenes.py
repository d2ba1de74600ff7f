"""Scenes of one to four handwritten digits at random positions, with labels, counts or masks as targets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lossbook.data.digits import CLASS_NAMES, PARTS, Handwriting, as_input, generator, handwriting
from lossbook.data.images.reader import ImageReader
from lossbook.data.schema import Schema
from lossbook.data.source import Parts, Source
from lossbook.data.statistics import described_parts

CANVAS = 24  # side length in pixels
DIGIT = 8
MOST = 4  # digits per scene
SAMPLES = {"train": 4000, "val": 800, "test": 800}


@dataclass(frozen=True)
class Scenes:
    """Images of scenes, and what is in them.

    Args:
        levels: (N, 24, 24) uint8 in 0..16.
        labels: (N, 4) the digits, padded with -1.
        mask: (N, 24, 24) int64: 0 for background, 1 + digit for its ink.
    """

    levels: np.ndarray
    labels: np.ndarray
    mask: np.ndarray


def compose(source: Handwriting, samples: int, random: np.random.Generator) -> Scenes:
    """Compose scenes of 1 to 4 digits, drawn with replacement, which do not touch, not even at a corner."""
    count = random.integers(1, MOST + 1, samples)
    chosen = random.integers(0, len(source.labels), (samples, MOST))
    corners = _places(count, random)
    levels = np.zeros((samples, CANVAS, CANVAS), np.uint8)
    mask = np.zeros((samples, CANVAS, CANVAS), np.int64)
    inside = np.arange(DIGIT)
    for place in range(MOST):
        scene = np.flatnonzero(place < count)
        pixels = (
            scene[:, None, None],
            corners[scene, place, 0, None, None] + inside[:, None],
            corners[scene, place, 1, None, None] + inside,
        )
        ink = source.images[chosen[scene, place]]
        levels[pixels] = ink
        mask[pixels] = np.where(ink > 0, 1 + source.labels[chosen[scene, place], None, None], 0)
    labels = np.where(np.arange(MOST) < count[:, None], source.labels[chosen], -1)
    return Scenes(levels, labels, mask)


def _places(count: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Draw upper left corners (N, 4, 2), uniform over all arrangements in which the first ``count`` do not touch."""
    corners = np.zeros((len(count), MOST, 2), np.int64)
    pending = np.arange(len(count))
    first, second = np.triu_indices(MOST, 1)
    while len(pending):  # whole arrangements are redrawn, since moving a single digit would not be uniform
        draw = random.integers(0, CANVAS - DIGIT + 1, (len(pending), MOST, 2))
        apart = np.abs(draw[:, first] - draw[:, second]).max(-1) > DIGIT
        fits = (apart | (second >= count[pending, None])).all(1)
        corners[pending[fits]] = draw[fits]
        pending = pending[~fits]
    return corners


LABELS = Schema("multilabel", (1, CANVAS, CANVAS), 0, classes=10, class_names=CLASS_NAMES)
COUNT = Schema("count", (1, CANVAS, CANVAS), 0, width=1)


def _load(seed: int, schema: Schema, **targets: Callable[[Scenes], Tensor]) -> Parts:
    source = handwriting(seed)
    parts = {}
    for part in PARTS:
        scenes = compose(source[part], SAMPLES[part], generator(seed, part))
        parts[part] = {"input": as_input(scenes.levels), **{name: made(scenes) for name, made in targets.items()}}
    return described_parts(schema, parts, reader=ImageReader.of_shape(schema.input_shape))


@dataclass(frozen=True)
class SceneLabels(Source):
    """Which digits are in the scene: multilabel, (N, 10) of 0 and 1 in float32."""

    seed: int = 0

    def load(self) -> Parts:
        return _load(self.seed, LABELS, target=_presence)


@dataclass(frozen=True)
class SceneCounts(Source):
    """How many digits are in the scene: count, (N, 1) of 1 to 4 in float32."""

    seed: int = 0

    def load(self) -> Parts:
        return _load(self.seed, COUNT, target=_number)


@dataclass(frozen=True)
class SceneMasks(Source):
    """Which digit each pixel belongs to: mask, (N, 24, 24) of 0 (background) and 1 to 10 (the digits 0 to 9)."""

    seed: int = 0

    def load(self) -> Parts:
        names = ("background", *CLASS_NAMES)
        schema = Schema("mask", (1, CANVAS, CANVAS), 0, classes=len(names), class_names=names)
        return _load(self.seed, schema, target=lambda scenes: torch.from_numpy(scenes.mask))


@dataclass(frozen=True)
class SceneTargets(Source):
    """Two targets by name: the ``labels`` of ``SceneLabels`` and the ``count`` of ``SceneCounts``."""

    seed: int = 0

    def load(self) -> Parts:
        schema = Schema.of_several({"labels": LABELS, "count": COUNT})
        return _load(self.seed, schema, labels=_presence, count=_number)


def _presence(scenes: Scenes) -> Tensor:
    return torch.from_numpy((scenes.labels[:, :, None] == np.arange(10)).any(1).astype(np.float32))


def _number(scenes: Scenes) -> Tensor:
    return torch.from_numpy((scenes.labels >= 0).sum(1, keepdims=True).astype(np.float32))
