"""Where data comes from: one method that gives the three parts of a set and the schema that describes them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from torch import Tensor
from torch.utils.data import Dataset

from lossbook.data.schema import Schema
from lossbook.errors import nearest, refuse
from lossbook.targets import KINDS

if TYPE_CHECKING:
    from lossbook.data.fitted import FittedData
    from lossbook.data.reader import Reader

PARTS = ("train", "val", "test")
Columns: TypeAlias = Mapping[str, "Tensor | tuple[Tensor, ...]"]
Part: TypeAlias = Columns | Dataset[dict[str, Any]]
Normalise: TypeAlias = tuple[tuple[float, ...], tuple[float, ...]]


@dataclass(frozen=True)
class Features:
    """The columns of a table that a network reads, in order, and what they are standardised by.

    Args:
        names: of the columns.
        mean, scale: of each column on the training part; a value less the mean and over the scale is what is read.
    """

    names: tuple[str, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]


@dataclass(frozen=True)
class Parts:
    """The three parts of a set and their schema.

    Args:
        schema: what the set promises; its statistics are those of ``train``.
        train, val, test: disjoint. In memory a mapping from the keys of a batch (``input``, ``target``, ...) to
            tensors, or tuples of tensors, with one row a sample; otherwise a map-style ``Dataset`` of such dicts, one a
            sample, which may have ``targets`` (of all samples, a row each, as a tensor or a list) for the statistics
            of a part of it.
        normalise: mean and standard deviation of each channel, of inputs scaled to [0, 1]; None leaves them as they
            are. Inputs of type uint8 are always divided by 255 first.
        features: of a table.
        reader: reads inputs that a user brings later as these were read; None where nothing can.
        rows: part -> the place of each of its samples in the user's own data (a row of a file, a file of a folder), for
            data that may be changed under a checkpoint; None for data that is what it is.
        names: of the samples in the user's own data, in its order: paths below its folder; None for rows of a file.
        notes: what the source found and decided that a user should know, a line each; printed at the start of a run.
    """

    schema: Schema
    train: Part
    val: Part
    test: Part
    normalise: Normalise | None = None
    features: Features | None = None
    reader: Reader | None = None
    rows: Mapping[str, np.ndarray] | None = None
    names: Sequence[str] | None = None
    notes: tuple[str, ...] = ()


class Source(ABC):
    """A dataset that can be loaded."""

    @abstractmethod
    def load(self) -> Parts:
        """Read or generate the set, each part in random order, so that its first k samples are a random subset, too.

        Raises:
            UserError: the files are missing, unreadable or break a rule.
        """

    def load_known(self, known: FittedData, evaluating: bool) -> Parts:
        """Load the set for a checkpoint that knows its data.

        For data of the user's own, which may be another or have changed since: names of features and classes are those
        of the checkpoint, statistics too, and a sample that it knows stays in its part.

        Args:
            known: what the checkpoint's data was fitted to.
            evaluating: only ``test`` is needed; data that the checkpoint does not know, and that has no parts of its
                own, is all of it test.
        """
        return self.load()


class OwnSource(Source):
    """A user's own data, which may be other data, or have changed, when a checkpoint meets it again."""

    def load(self) -> Parts:
        return self._load(None, False)

    def load_known(self, known: FittedData, evaluating: bool) -> Parts:
        return self._load(known, evaluating)

    @abstractmethod
    def _load(self, known: FittedData | None, evaluating: bool) -> Parts:
        """Load the set anew, or as the checkpoint knows it; arguments as in ``load_known``."""


_OURS = "a class derived from lossbook.data.source.Source"


def source_of(made: Any, path: str) -> Source:
    """What ``path`` made, if it is a source, or at least has ``load`` as one has.

    Raises:
        UserError: it has not.
    """
    if isinstance(made, Source):
        return made
    if not callable(getattr(made, "load", None)):
        what = "A Dataset is what one of these parts may be." if isinstance(made, Dataset) else "This has none."
        rule = f"A source has load(), which gives Parts: train, val and test, and their schema. {what}"
        raise refuse(f"data.source._target_={path}", rule, _OURS)
    return _Loaded(made)


class _Loaded(Source):
    """An object with ``load`` that knows nothing of ``Source``."""

    def __init__(self, source: Any) -> None:
        self._source = source

    def load(self) -> Parts:
        parts: Parts = self._source.load()
        return parts


def parts_of(loaded: Any, path: str) -> Parts:
    """What the source at ``path`` loaded, if these are parts.

    Raises:
        UserError: they are not.
    """
    given = f"data.source._target_={path}"
    if not isinstance(loaded, Parts):
        raise refuse(given, f"Its load() gave a {type(loaded).__name__}, not lossbook.data.source.Parts.", _OURS)
    for name in PARTS:
        part = getattr(loaded, name)
        indexed = hasattr(part, "__getitem__") and hasattr(part, "__len__")
        if not ("input" in part if isinstance(part, Mapping) else indexed):
            rule = f"Its {name} part is a {type(part).__name__}: no mapping with 'input', and no map-style Dataset."
            raise refuse(given, rule, _OURS)
    for kind in (one.target for one in loaded.schema.heads.values()):
        if kind not in KINDS:
            rule = f"Target kinds are {', '.join(KINDS)}."
            raise refuse(
                f"{given}: the schema's target is '{kind}'.", rule, f"Schema({nearest(kind, KINDS) or 'class'!r}, ...)"
            )
    return loaded


def sample_count(part: Part) -> int:
    """The number of samples of a part."""
    if isinstance(part, Mapping):
        column = part["input"]
        return len(column[0] if isinstance(column, tuple) else column)
    return len(part)  # type: ignore[arg-type]
