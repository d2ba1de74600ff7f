"""A set of Hugging Face's library ``datasets`` as a source: images or numbers, with a target in columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lossbook.data.datasets.options import DatasetOptions
from lossbook.data.datasets.part import DatasetPart
from lossbook.data.datasets.parts import dataset_parts
from lossbook.data.fitted import FittedData
from lossbook.data.huggingface.columns import TableItems, choose_columns, held
from lossbook.data.huggingface.loading import as_parts, load_splits
from lossbook.data.images.options import NormaliseOption
from lossbook.data.source import PARTS, OwnSource, Parts
from lossbook.data.tabular import feature_statistics, standardise
from lossbook.errors import nearest, refuse, typed

_KINDS = ("class", "multilabel", "value", "count", "distribution", "mask", "none")


@dataclass(frozen=True)
class HuggingFace(OwnSource):
    """A set of ``datasets``.

    Args:
        name, subset, download: see ``load_splits``.
        target: kind of the target.
        target_columns: its columns.
        image_column: the column of images; None: the only one, if there is one.
        feature_columns: columns of numbers; None: all but the target's, if there are no images. They are standardised
            by the training part.
        splits: part -> the set's own name of its split; None: by the usual names. A part that is missing is split off
            the training part.
        classes, image_size, channels, resize, normalise, fractions, folds, fold, seed: see ``DatasetOptions``.
    """

    name: str
    target_columns: Sequence[str]
    subset: str | None = None
    download: bool = False
    target: str = "class"
    image_column: str | None = None
    feature_columns: Sequence[str] | None = None
    splits: Mapping[str, str] | None = None
    classes: int | Sequence[str] | None = None
    image_size: int | Sequence[int] | None = None
    channels: int | None = None
    resize: str = "crop"
    normalise: NormaliseOption = "none"
    fractions: Sequence[float] | None = None
    folds: int | None = None
    fold: int = 0
    seed: int = 0

    def _load(self, known: FittedData | None, evaluating: bool) -> Parts:
        if self.target not in _KINDS:
            rule = f"Of columns this may be {', '.join(_KINDS)}."
            near = nearest(str(self.target), _KINDS) or "class"
            raise refuse(f"data.target={typed(self.target)}", rule, f"data.target={near}")
        options = DatasetOptions(
            **{key: getattr(self, key) for key in DatasetOptions.__dataclass_fields__ if hasattr(self, key)}
        )
        found, notes = as_parts(load_splits(self.name, self.subset, self.download), self.splits, evaluating)
        targets = [self.target_columns] if isinstance(self.target_columns, str) else list(self.target_columns)
        features = next(iter(found.values())).features
        columns = choose_columns(features, self.target, self.image_column, self.feature_columns, targets)
        sets = {part: TableItems(split, columns, str(self.name)) for part, split in found.items()}
        parts = dataset_parts(sets, options, known, evaluating, sure=True)
        used = (columns.image, *columns.features, *columns.targets)
        if left := [f"{name} ({held(one)})" for name, one in features.items() if name not in used]:
            notes.append(f"columns left out: {', '.join(left)}")
        parts = replace(parts, notes=(*parts.notes, *notes))
        return parts if columns.image else _standardised(parts, columns.features, known)


def _standardised(parts: Parts, names: Sequence[str], known: FittedData | None) -> Parts:
    """Return the parts in memory, their inputs less their mean and over their deviation on the training part."""
    by = feature_statistics(names, _inputs(parts.train)) if known is None or known.features is None else known.features
    memory: dict[str, Any] = {}
    for name in PARTS:
        part = getattr(parts, name)
        memory[name] = {"input": standardise(_inputs(part), by)}
        if parts.schema.target != "none":
            memory[name]["target"] = _targets(part)
    return replace(parts, features=by, reader=None, **memory)


def _inputs(part: Any) -> np.ndarray:
    assert isinstance(part, DatasetPart)
    numbers: np.ndarray = part.source.dataset.numbers[part.rows]
    return numbers


def _targets(part: DatasetPart) -> Tensor:
    if part.targets is not None:
        return part.targets
    assert part.target is not None
    return torch.zeros((0, part.target.width) if part.target.width else 0, dtype=torch.int64)
