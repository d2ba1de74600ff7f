"""A user's own images, one folder per class, read from disk while training."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from lossbook.data.assignment import assign_parts
from lossbook.data.fitted import FittedData
from lossbook.data.images.files import ImageFiles
from lossbook.data.images.listing import counts_in_words
from lossbook.data.images.reader import ImageReader
from lossbook.data.images.scan import Scan, largest_grey, scan
from lossbook.data.images.tree import Tree, read_tree
from lossbook.data.schema import Schema
from lossbook.data.source import PARTS, Normalise, Parts, Source
from lossbook.data.split_table import read_split
from lossbook.data.statistics import described_parts
from lossbook.errors import refuse, typed

# statistics of ImageNet's training part: https://docs.pytorch.org/vision/stable/models.html
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_LARGEST_SIZE = 8192
_CLASSES_SHOWN = 8
_DARK = 2**14  # if all 16-bit greys are below this, a quarter of white, they probably use fewer bits


@dataclass(frozen=True)
class ImageFolder(Source):
    """Classes from folders: ``root/CLASS/*.png``, or ``root/train/CLASS/*.png`` and likewise ``test`` and ``val``.

    Args:
        root: a folder with ``train``, ``test`` and perhaps ``val`` (otherwise 15 % of ``train``); or a folder of
            classes, split 70 / 15 / 15. Files that are skipped are counted in the notes.
        image_size: side length in pixels.
        normalise: mean and standard deviation of each channel, for values in [0, 1].
        grey_bits: bits that 16-bit greys actually use, 8 to 16, such as 12 for 0 to 4095. None: 16, refused where all
            images would come out dark.
        split: file that assigns the images to parts (see ``split_table``), for a root without folders of parts.
        seed: of splits and of the order of samples within the parts.
    """

    root: str
    image_size: int = 64
    normalise: Sequence[Sequence[float]] = IMAGENET
    grey_bits: int | None = None
    split: str | None = None
    seed: int = 0

    def load(self) -> Parts:
        return self._load(None, False)

    def load_known(self, known: FittedData, evaluating: bool) -> Parts:
        return self._load(known, evaluating)

    def _load(self, known: FittedData | None, evaluating: bool) -> Parts:
        normalise = self._checked()
        tree = read_tree(Path(os.path.expanduser(str(self.root))), None if known is None else known.schema.class_names)
        given = self._given(tree)
        if not evaluating:
            _require_train_and_test(tree, given, self.split)
        paths = [tree.root / sample.name for sample in tree.samples]
        scanned = scan(paths)
        bits = self._grey_bits(paths, scanned, known is not None)
        targets = np.array([sample.label for sample in tree.samples])
        files = ImageFiles(paths, torch.from_numpy(targets), self.image_size, bits, scanned)
        assignment = assign_parts(given, targets, self.seed, known, scanned.digests, evaluating)
        rows = {part: assignment.rows.get(part, np.arange(0)) for part in PARTS}
        shape = (3, self.image_size, self.image_size)
        schema = Schema("class", shape, 0, classes=len(tree.classes), class_names=tree.classes)
        parts = {part: files.rows(chosen) for part, chosen in rows.items()}
        per_part = {part: np.bincount(targets[chosen], minlength=len(tree.classes)) for part, chosen in rows.items()}
        notes = [*_notes(tree, scanned, per_part), *assignment.notes]
        reader = ImageReader(shape[0], shape[1:], bits)
        return replace(described_parts(schema, parts, normalise, notes), rows=rows, reader=reader)

    def _given(self, tree: Tree) -> dict[str, np.ndarray]:
        """Return the positions of the samples of each part, by folders or by the split file; empty without either."""
        parts = np.array([sample.part or "" for sample in tree.samples])
        found = {part: np.flatnonzero(parts == part) for part in PARTS if (parts == part).any()}
        if self.split is None:
            return found
        if found:
            rule = f"{tree.root} already has folders of parts: {', '.join(found)}."
            raise refuse(f"data.split={self.split}", rule, "data.split=null, or a folder that holds only classes")
        return read_split(str(self.split), len(tree.samples), [sample.name for sample in tree.samples])

    def _checked(self) -> Normalise:
        """Check that the options are in range, and return the normalisation."""
        if type(self.image_size) is not int or not 1 <= self.image_size <= _LARGEST_SIZE:
            rule = f"data.image_size must be a number of pixels from 1 to {_LARGEST_SIZE}."
            raise refuse(f"data.image_size={self.image_size}", rule, "data.image_size=64")
        bits = self.grey_bits
        if bits is not None and (type(bits) is not int or not 8 <= bits <= 16):
            rule = "data.grey_bits must be a whole number from 8 to 16."
            raise refuse(f"data.grey_bits={bits}", rule, "data.grey_bits=12")
        if not os.path.isdir(os.path.expanduser(str(self.root))):
            raise refuse(
                f"data.root={typed(self.root)} is not a folder",
                "The folder must have train/CLASS/IMAGE and test/CLASS/IMAGE, or CLASS/IMAGE, which is split.",
                "data.root=PATH",
            )
        try:
            mean, scale = (tuple(map(float, channel)) for channel in self.normalise)
            right = len(mean) == len(scale) == 3 and all(map(math.isfinite, mean + scale)) and min(scale) > 0
        except (TypeError, ValueError):
            right = False
        if not right:
            raise refuse(
                f"data.source.normalise={self.normalise}",
                "This must be the mean and the standard deviation (> 0) of three channels.",
                "data.source.normalise=[[0.5,0.5,0.5],[0.5,0.5,0.5]]",
            )
        return mean, scale

    def _grey_bits(self, paths: Sequence[Path], scanned: Scan, known: bool) -> int:
        """Return the bits that 16-bit greys are taken to use; some images are decoded, since headers do not tell."""
        bits, deep = self.grey_bits, [paths[row] for row in scanned.deep]
        if bits is not None and not deep and not known:
            rule = "No image has 16-bit greys, or their headers state the bits used."
            raise refuse(f"data.grey_bits={bits} has no effect", rule, "data.grey_bits=null")
        if not deep or bits == 16:
            return 16
        largest, looked_at = largest_grey(deep)
        found = f"16-bit greys, at most {largest:,} in {looked_at} of {len(deep):,} such files"
        if bits is None and largest < _DARK:
            least = next(bits for bits in (8, 10, 12, 14) if largest < 2**bits)
            raise refuse(
                f"{deep[0]} has {found}",
                "With 65,535 as white these images would be dark.",
                f"data.grey_bits={least} makes {2**least - 1:,} white; data.grey_bits=16 keeps them dark",
            )
        if bits is not None and largest >> bits:
            raise refuse(f"data.grey_bits={bits}", f"The images have {found}.", "data.grey_bits=16")
        return bits or 16


def _require_train_and_test(tree: Tree, given: Mapping[str, np.ndarray], split: str | None) -> None:
    missing = [part for part in ("train", "test") if given and part not in given]
    if missing and split is not None:
        rule = "Training and test need samples; without any in val, 15 % of train are used."
        raise refuse(f"data.split={split} has no sample in {' or in '.join(missing)}.", rule, f"correct {split}")
    if missing:
        folder = tree.root / tree.samples[next(iter(given.values()))[0]].name.split("/")[0]
        raise refuse(
            f"{tree.root} has {folder.name} but no {' and no '.join(missing)}",
            "A folder of parts needs train and test; val is optional.",
            f"add {' and '.join(str(tree.root / part) for part in missing)} with the same classes;"
            f" or data.root={folder}, which is split",
        )


def _notes(tree: Tree, scanned: Scan, per_part: Mapping[str, np.ndarray]) -> Iterator[str]:
    """Yield notes on what was found: classes, classes missing from a part, skipped files, kinds of images."""
    total = np.sum(list(per_part.values()), 0)
    present = [part for part in PARTS if per_part[part].any()]  # testing needs no other part

    def numbers(label: int) -> str:
        return f"{tree.classes[label]} ({', '.join(f'{part} {per_part[part][label]:,}' for part in present)})"

    if len(tree.classes) <= _CLASSES_SHOWN:
        yield f"classes  {', '.join(map(numbers, range(len(tree.classes))))}"
    else:
        ends = f"smallest {numbers(int(total.argmin()))}, largest {numbers(int(total.argmax()))}"
        yield f"{len(tree.classes):,} classes  {', '.join(tree.classes[:3])}, ...; {ends}"
    for part in present:
        if len(without := np.flatnonzero(per_part[part] == 0)):
            named = ", ".join(tree.classes[label] for label in without[:_CLASSES_SHOWN])
            more = f" and {len(without) - _CLASSES_SHOWN:,} more" if len(without) > _CLASSES_SHOWN else ""
            yield f"no image in {part} of {named}{more}"
    if skipped := counts_in_words(tree.skipped):
        yield f"skipped: {skipped}"
    if kinds := counts_in_words(scanned.kinds):
        yield f"images: {kinds}"
