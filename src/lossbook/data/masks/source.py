"""A user's own images with masks, read from disk while training."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lossbook.data.assignment import assign_parts
from lossbook.data.fitted import FittedData
from lossbook.data.images.listing import counts_in_words
from lossbook.data.images.name_groups import groups_by_name
from lossbook.data.images.opening import OpenedImages, open_images
from lossbook.data.images.options import ImageOptions, NormaliseOption
from lossbook.data.images.scan import bad_files, faults
from lossbook.data.masks.classes import MaskClasses, mask_classes
from lossbook.data.masks.files import MaskedImages
from lossbook.data.masks.pairing import MaskedImage, Pairing, alone_in_words, read_pairing
from lossbook.data.masks.scan import MaskScan, scan_masks
from lossbook.data.schema import Schema
from lossbook.data.source import PARTS, OwnSource, Parts
from lossbook.data.split_options import split_plan
from lossbook.data.split_table import read_split
from lossbook.data.statistics import described_parts
from lossbook.errors import refuse, typed
from lossbook.formatting import plural

_CLASSES_SHOWN = 8


@dataclass(frozen=True)
class MaskFolder(OwnSource):
    """A class a pixel, from masks beside the images; see ``pairing`` for how files are named.

    Args:
        root: a folder with images and masks, which is split; or with such folders for ``train``, ``test`` and perhaps
            ``val`` (otherwise 15 % of ``train``).
        class_names: of the classes, or a text file with one a line; None: the values of the masks.
        values: of each class in the masks; None: 0, 1, 2, ... with names, and what is found without.
        ignored: value of pixels that belong to no class, which losses and metrics leave out; None for none.
        image_size, channels, resize, normalise, grey_bits, on_bad: see ``ImageOptions``. A mask is brought to the same
            size with its image, by the nearest pixel; pixels that padding adds are ignored.
        split: file that assigns the images to parts (see ``split_table``).
        fractions, folds, fold: of a random split; see ``split_plan``.
        group_pattern: a regular expression: images whose path matches alike stay in one part.
        seed: of splits and of the order of samples within the parts.
    """

    root: str
    class_names: str | Sequence[str] | None = None
    values: Sequence[int] | None = None
    ignored: int | None = 255
    image_size: int | Sequence[int] | None = None
    channels: int = 3
    resize: str = "crop"
    normalise: NormaliseOption = "imagenet"
    grey_bits: int | None = None
    on_bad: str = "fail"
    split: str | None = None
    fractions: Sequence[float] | None = None
    group_pattern: str | None = None
    folds: int | None = None
    fold: int = 0
    seed: int = 0

    def _load(self, known: FittedData | None, evaluating: bool) -> Parts:
        options = ImageOptions.of(self)
        options.checked()
        root = Path(os.path.expanduser(str(self.root)))
        if not root.is_dir():
            rule = "The folder must have images/NAME.jpg and masks/NAME.png."
            raise refuse(f"data.root={typed(self.root)} is not a folder", rule, "data.root=PATH")
        pairing = read_pairing(root)
        if pairing.alone and self.on_bad != "skip":
            rule = f"Images and masks are paired by name: {alone_in_words(pairing.alone)}."
            fix = "add or remove these files, or data.on_bad=skip"
            raise refuse(f"{root}: {plural(len(pairing.alone), 'file')} without a partner", rule, fix)
        given = self._given(root, pairing.samples, evaluating)
        opened, samples, scanned = self._opened(root, pairing.samples, options, known)
        names = () if known is None else known.schema.class_names
        classes = mask_classes(scanned.values(), self.class_names, self.values, self.ignored, names)
        counts = scanned.per_class(classes.values)
        place = np.full(len(pairing.samples), -1)
        place[opened.rows] = np.arange(len(opened.rows))
        given = {part: place[members][place[members] >= 0] for part, members in given.items()}
        paths = [sample.image for sample in samples]
        groups = None if self.group_pattern is None else groups_by_name(str(self.group_pattern), paths)
        chosen = (self.fractions, self.folds, self.fold, groups)
        plan = split_plan(bool(given), *chosen, group_key="data.group_pattern", evaluating=evaluating)
        assignment = assign_parts(given, _strata(counts), self.seed, known, opened.digests, evaluating, plan)
        rows = {part: assignment.rows.get(part, np.arange(0)) for part in PARTS}
        files = MaskedImages(opened.files, [root / sample.mask for sample in samples], classes.values)
        parts = {part: files.rows(chosen) for part, chosen in rows.items()}
        measured, notes = opened.normalisation(parts["train"].images, None if known is None else known.normalise)
        schema = Schema("mask", opened.files.form.shape, 0, classes=len(classes.names), class_names=classes.names)
        per_part = {part: counts[chosen].sum(0) for part, chosen in rows.items()}
        notes = [*self._notes(pairing, opened, scanned, classes, per_part), *notes, *assignment.notes]
        loaded = described_parts(schema, parts, measured, notes, opened.reader)
        schema = replace(loaded.schema, class_counts=tuple(per_part["train"].tolist()))
        return replace(loaded, schema=schema, rows=rows, names=paths)

    def _opened(
        self, root: Path, samples: Sequence[MaskedImage], options: ImageOptions, known: FittedData | None
    ) -> tuple[OpenedImages, list[MaskedImage], MaskScan]:
        """Return the images that can be used, their samples, and what their masks hold."""
        opened = open_images([root / sample.image for sample in samples], options, known)
        samples = [samples[row] for row in opened.rows]
        masks = [root / sample.mask for sample in samples]
        scanned = scan_masks(opened.files.paths, masks)
        if not scanned.bad:
            return opened, samples, scanned
        good = np.array([row for row in range(len(masks)) if row not in scanned.bad], dtype=np.int64)
        if self.on_bad != "skip" or not len(good):
            raise bad_files(masks, scanned.bad)
        notes = [f"{len(scanned.bad):,} of {len(masks):,} masks are left out (data.on_bad=skip)"]
        notes += [f"  {line}" for line in faults(masks, scanned.bad)]
        opened = replace(
            opened,
            files=opened.files.rows(good),
            rows=opened.rows[good],
            digests=opened.digests[good],
            notes=(*opened.notes, *notes),
        )
        return opened, [samples[row] for row in good], MaskScan(tuple(scanned.counts[row] for row in good), {})

    def _given(self, root: Path, samples: Sequence[MaskedImage], evaluating: bool) -> dict[str, np.ndarray]:
        """Return the positions of the samples of each part, by folders or by the split file; empty without either."""
        parts = np.array([sample.part or "" for sample in samples])
        found = {part: np.flatnonzero(parts == part) for part in PARTS if (parts == part).any()}
        if self.split is not None:
            if found:
                rule = f"{root} already has folders of parts: {', '.join(found)}."
                raise refuse(f"data.split={self.split}", rule, "data.split=null")
            found = read_split(str(self.split), len(samples), [sample.image for sample in samples])
        missing = [part for part in ("train", "test") if found and part not in found]
        if missing and not evaluating:
            said = f"{root if self.split is None else f'data.split={self.split}'} has no sample in"
            rule = "Training and test need samples; without any in val, 15 % of train are used."
            raise refuse(f"{said} {' or in '.join(missing)}", rule, "add them, or give no parts: they are then drawn")
        return found

    def _notes(
        self,
        pairing: Pairing,
        opened: OpenedImages,
        scanned: MaskScan,
        classes: MaskClasses,
        per_part: Mapping[str, np.ndarray],
    ) -> Iterator[str]:
        total = np.sum(list(per_part.values()), 0)
        shares = total / max(1, total.sum())
        shown = [
            f"{name} ({f'value {value}, ' if name != str(value) else ''}{share:.1%})"
            for name, value, share in zip(classes.names, classes.values, shares, strict=True)
        ]
        more = f" and {len(shown) - _CLASSES_SHOWN:,} more" if len(shown) > _CLASSES_SHOWN else ""
        yield f"classes, and their shares of the pixels: {', '.join(shown[:_CLASSES_SHOWN])}{more}"
        every = sum(sum(counts.values()) for counts in scanned.counts)
        left = sum(counts.get(self.ignored, 0) for counts in scanned.counts) if self.ignored is not None else 0
        if left:
            yield f"{left / every:.1%} of the pixels are ignored (value {self.ignored})"
        for part in PARTS:
            if per_part[part].any() and len(without := np.flatnonzero(per_part[part] == 0)):
                named = ", ".join(classes.names[label] for label in without[:_CLASSES_SHOWN])
                rest = f" and {len(without) - _CLASSES_SHOWN:,} more" if len(without) > _CLASSES_SHOWN else ""
                yield f"no pixel in {part} of {named}{rest}"
        if pairing.alone:
            yield f"{len(pairing.alone):,} files without a partner are left out: {alone_in_words(pairing.alone)}"
        if skipped := counts_in_words(pairing.skipped):
            yield f"skipped: {skipped}"
        if opened.kinds:
            yield f"images: {opened.kinds}"
        yield from opened.notes


def _strata(counts: np.ndarray) -> np.ndarray:
    """Return strata (N,): the class of each image that is in the fewest images, so that parts share rare classes."""
    there = counts > 0
    frequency = np.where(there, there.sum(0), there.shape[0] + 1)
    return frequency.argmin(1)
