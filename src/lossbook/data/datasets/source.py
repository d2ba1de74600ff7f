"""A user's own Dataset, or one for each part, as a source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lossbook.data.datasets.options import DatasetOptions
from lossbook.data.datasets.parts import dataset_parts
from lossbook.data.fitted import FittedData
from lossbook.data.images.options import NormaliseOption
from lossbook.data.source import OwnSource, Parts


@dataclass(frozen=True)
class OwnDataset(OwnSource):
    """A map-style Dataset that returns ``(input, target)``, or dicts.

    Args:
        dataset: all samples, which are split; or those for training, where ``val`` or ``test`` is given.
        val, test: Datasets of their own for these parts; if one of them is given, 15 % of ``dataset`` are the other.
        target, classes, image_size, channels, resize, normalise, fractions, folds, fold, seed, num_workers, input_key,
            target_key: see ``DatasetOptions``.
    """

    dataset: Any
    val: Any = None
    test: Any = None
    target: str = "class"
    classes: int | Sequence[str] | None = None
    image_size: int | Sequence[int] | None = None
    channels: int | None = None
    resize: str = "crop"
    normalise: NormaliseOption = "none"
    fractions: Sequence[float] | None = None
    folds: int | None = None
    fold: int = 0
    seed: int = 0
    num_workers: int | str = 0
    input_key: str = "input"
    target_key: str = "target"

    def _load(self, known: FittedData | None, evaluating: bool) -> Parts:
        options = DatasetOptions(**{name: getattr(self, name) for name in DatasetOptions.__dataclass_fields__})
        sets = {"train": self.dataset, "val": self.val, "test": self.test}
        return dataset_parts({part: one for part, one in sets.items() if one is not None}, options, known, evaluating)
