"""Sets of image files of many sizes through torchvision, decoded while training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from lossbook.data.datasets.options import DatasetOptions
from lossbook.data.datasets.parts import dataset_parts
from lossbook.data.fitted import FittedData
from lossbook.data.images.decoding import unusable
from lossbook.data.images.options import NormaliseOption
from lossbook.data.source import OwnSource, Parts
from lossbook.data.torchvision_sets import IN_FILES, NamedSet, class_names_of, facts_of, labels_of, open_set


@dataclass(frozen=True)
class TorchvisionFiles(OwnSource):
    """A set of torchvision with its official parts; without a validation part, 15 % of the training part are it.

    Args:
        name: one of ``IN_FILES`` in ``torchvision_sets``.
        root: torchvision's ``root`` folder.
        download: whether to download the files to ``root`` if they are missing.
        variant: of a set that has several, such as DTD's partitions 1 to 10.
        image_size, resize, normalise: see ``DatasetOptions``.
        fractions: of a set without official parts, which is split.
        seed: of the split and the order of samples within the parts.
    """

    name: str
    root: str
    download: bool = False
    variant: str | int | None = None
    image_size: int | Sequence[int] = 64
    resize: str = "crop"
    normalise: NormaliseOption = "imagenet"
    fractions: Sequence[float] | None = None
    seed: int = 0

    def _load(self, known: FittedData | None, evaluating: bool) -> Parts:
        facts = facts_of(self.name, IN_FILES)
        options = DatasetOptions(
            target=facts.kind,
            image_size=self.image_size,
            channels=3,
            resize=self.resize,
            normalise=self.normalise,
            fractions=self.fractions,
            seed=self.seed,
        )
        sets = {
            part: _Pictures(facts, self.name, open_set(facts, self.root, part, self.download, self.variant))
            for part in facts.parts
        }
        return dataset_parts(sets, options, known, evaluating, sure=True)


class _Pictures(Dataset[Any]):
    """An opened set, whose files are opened when they are asked for, and decoded at a smaller size where that does."""

    def __init__(self, facts: NamedSet, title: str, found: Any) -> None:
        self.found, self.shown_as, self.masks = found, title, facts.kind == "mask"
        self.classes = class_names_of(facts, found)
        self.targets = labels_of(facts, found) if facts.labels else None
        if hasattr(found, "loader"):
            found.loader = _opened

    def __len__(self) -> int:
        return len(self.found)

    def __getitem__(self, row: int) -> tuple[Any, Any]:
        image, target = self.found[row]
        return image, np.asarray(target).astype(np.int64) - 1 if self.masks else target  # trimaps begin at 1


def _opened(path: str | Path) -> Any:
    from PIL import Image

    try:
        return Image.open(path)
    except Exception as error:  # decoders raise errors of all kinds
        raise unusable(Path(path), error) from error
