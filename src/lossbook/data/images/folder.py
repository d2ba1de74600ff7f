"""A user's own images, one folder per class, read from disk while training."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from lossbook.data.assignment import assign_parts
from lossbook.data.fitted import FittedData
from lossbook.data.images.listing import counts_in_words
from lossbook.data.images.name_groups import groups_by_name
from lossbook.data.images.opening import OpenedImages, open_images
from lossbook.data.images.options import ImageOptions, NormaliseOption
from lossbook.data.images.tree import Tree, read_tree
from lossbook.data.schema import Schema
from lossbook.data.source import PARTS, OwnSource, Parts
from lossbook.data.split_options import split_plan
from lossbook.data.split_table import read_split
from lossbook.data.statistics import described_parts
from lossbook.errors import refuse, typed

_CLASSES_SHOWN = 8


@dataclass(frozen=True)
class ImageFolder(OwnSource):
    """Classes from folders: ``root/CLASS/*.png``, or ``root/train/CLASS/*.png`` and likewise ``test`` and ``val``.

    Args:
        root: a folder with ``train``, ``test`` and perhaps ``val`` (otherwise 15 % of ``train``); or a folder of
            classes, which is split. Files that are skipped are counted in the notes.
        image_size, channels, resize, normalise, grey_bits, on_bad: see ``ImageOptions``.
        split: file that assigns the images to parts (see ``split_table``), for a root without folders of parts.
        fractions: of train, val and test in a random split.
        group_pattern: a regular expression for the path of an image below the root; images for which its first group
            (or all of it) matches the same text stay in one part. None: each image for itself.
        folds, fold: divide the images into so many parts, of which this one, from 0, is the test part.
        seed: of splits and of the order of samples within the parts.
    """

    root: str
    image_size: int | Sequence[int] | None = None
    normalise: NormaliseOption = "imagenet"
    grey_bits: int | None = None
    split: str | None = None
    seed: int = 0
    channels: int = 3
    resize: str = "crop"
    on_bad: str = "fail"
    fractions: Sequence[float] | None = None
    group_pattern: str | None = None
    folds: int | None = None
    fold: int = 0

    def _load(self, known: FittedData | None, evaluating: bool) -> Parts:
        options = ImageOptions.of(self)
        options.checked()
        if not os.path.isdir(os.path.expanduser(str(self.root))):
            raise refuse(
                f"data.root={typed(self.root)} is not a folder",
                "The folder must have train/CLASS/IMAGE and test/CLASS/IMAGE, or CLASS/IMAGE, which is split.",
                "data.root=PATH",
            )
        tree = read_tree(Path(os.path.expanduser(str(self.root))), None if known is None else known.schema.class_names)
        given = self._given(tree)
        if not evaluating:
            _require_train_and_test(tree, given, self.split)
        opened = open_images([tree.root / sample.name for sample in tree.samples], options, known)
        place = np.full(len(tree.samples), -1)
        place[opened.rows] = np.arange(len(opened.rows))
        given = {part: place[rows][place[rows] >= 0] for part, rows in given.items()}
        samples = [tree.samples[row] for row in opened.rows]
        targets = np.array([sample.label for sample in samples])
        names = [sample.name for sample in samples]
        groups = None if self.group_pattern is None else groups_by_name(str(self.group_pattern), names)
        chosen = (self.fractions, self.folds, self.fold, groups)
        plan = split_plan(bool(given), *chosen, group_key="data.group_pattern", evaluating=evaluating)
        assignment = assign_parts(given, targets, self.seed, known, opened.digests, evaluating, plan)
        rows = {part: assignment.rows.get(part, np.arange(0)) for part in PARTS}
        files = opened.files.with_targets(torch.from_numpy(targets))
        parts = {part: files.rows(chosen) for part, chosen in rows.items()}
        measured, notes = opened.normalisation(parts["train"], None if known is None else known.normalise)
        schema = Schema("class", files.form.shape, 0, classes=len(tree.classes), class_names=tree.classes)
        per_part = {part: np.bincount(targets[chosen], minlength=len(tree.classes)) for part, chosen in rows.items()}
        notes = [*_notes(tree, opened, per_part), *notes, *assignment.notes]
        places = {part: opened.rows[chosen] for part, chosen in rows.items()}
        names = [sample.name for sample in tree.samples]
        return replace(described_parts(schema, parts, measured, notes, opened.reader), rows=places, names=names)

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


def _notes(tree: Tree, opened: OpenedImages, per_part: Mapping[str, np.ndarray]) -> Iterator[str]:
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
    if opened.kinds:
        yield f"images: {opened.kinds}"
    yield from opened.notes
