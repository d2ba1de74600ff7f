"""What ``lossbook.load(RUN).predict(inputs)`` returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from lossbook.errors import Problem
from lossbook.targets.rows import PredictionRows

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class HeadPredictions:
    """What one head of a network says of N samples.

    Args:
        predictions: in the data's own terms, (N, ...): names of classes, 0 and 1 for each label, numbers, texts, class
            indices of pixels (at the size of the network's images), embeddings.
        confidence: the probability of each prediction, (N,) or one for each pixel; None where there is none.
        probabilities: of each class or label, (N, C, ...); None likewise.
        columns: of the table, by name.
    """

    predictions: np.ndarray
    confidence: np.ndarray | None
    probabilities: np.ndarray | None
    columns: Mapping[str, Any]


@dataclass(frozen=True)
class Predictions:
    """Predictions for the samples that could be read.

    Args:
        names: of the samples: files, rows, or places in a list.
        heads: by name; the empty name where there is one alone.
        bad: what could not be read, and why.
        notes: on how the inputs were read.
    """

    names: Sequence[str]
    heads: Mapping[str, HeadPredictions]
    bad: Sequence[Problem] = ()
    notes: Sequence[str] = field(default=())

    def __len__(self) -> int:
        return len(self.names)

    @property
    def predictions(self) -> np.ndarray:
        """Those of a network with one head; see ``HeadPredictions``."""
        return self._only.predictions

    @property
    def confidence(self) -> np.ndarray | None:
        """That of a network with one head."""
        return self._only.confidence

    @property
    def probabilities(self) -> np.ndarray | None:
        """Those of a network with one head."""
        return self._only.probabilities

    def table(self) -> pl.DataFrame:
        """Return the table that ``lossbook predict`` writes, but for what it keeps in other files."""
        columns = {head: one.columns for head, one in self.heads.items()}
        return table_of(self.names, columns)

    @property
    def _only(self) -> HeadPredictions:
        assert len(self.heads) == 1, f"this network has several heads: predictions.heads[name], of {[*self.heads]}"
        return next(iter(self.heads.values()))


def table_of(names: Sequence[str], heads: Mapping[str, Mapping[str, Any]]) -> pl.DataFrame:
    """Return a table with a row a sample: its name, and the columns of each head behind the head's name."""
    import polars as pl

    columns: dict[str, Any] = {"name": pl.Series("name", list(names), dtype=pl.String)}
    for head, own in heads.items():
        for name, cells in own.items():
            text = not isinstance(cells, np.ndarray) or cells.dtype.kind in "OU"
            title = f"{head}_{name}" if head else name
            columns[title] = pl.Series(title, list(cells), dtype=pl.String) if text else pl.Series(title, cells)
    return pl.DataFrame(columns)


def joined(chunks: Sequence[PredictionRows]) -> HeadPredictions:
    """Join the rows of one head; of at least one chunk."""
    first = chunks[0]
    columns = {name: np.concatenate([np.asarray(one.columns[name]) for one in chunks]) for name in first.columns}
    confidence = None if first.confidence is None else np.concatenate([_present(one.confidence) for one in chunks])
    probabilities = (
        None if first.probabilities is None else np.concatenate([_present(one.probabilities) for one in chunks])
    )
    values = np.concatenate([one.values for one in chunks])
    return HeadPredictions(values, confidence, probabilities, columns)


def _present(values: np.ndarray | None) -> np.ndarray:
    assert values is not None, "a loss trains probabilities for all samples, or for none"
    return values
