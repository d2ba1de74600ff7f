"""Predictions of a batch as they are written down: columns of a table, pictures, vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class PredictionRows:
    """Predictions of N samples for people and for other programs.

    Args:
        values: the decisions in the data's own terms, (N, ...): names of classes, numbers, texts, embeddings.
        columns: of the table, N cells each, by name.
        confidence: of each sample, (N,); None where the loss trains no probabilities.
        probabilities: (N, C, ...); None likewise.
        images: a picture for each sample, which is a file of its own.
        vectors: ``values`` are embeddings, which are files of their own.
    """

    values: np.ndarray
    columns: Mapping[str, Any] = field(default_factory=dict)
    confidence: np.ndarray | None = None
    probabilities: np.ndarray | None = None
    images: Sequence[Image] = ()
    vectors: bool = False
