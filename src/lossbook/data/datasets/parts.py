"""From Datasets of items to the parts of a set: what inputs and targets are is found, checked and said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lossbook.data.array_reader import ArrayReader
from lossbook.data.assignment import assign_parts
from lossbook.data.datasets.checks import item_source, require_same_length
from lossbook.data.datasets.inputs import InputForm, channels_of, is_pillow
from lossbook.data.datasets.item import ItemError, Layout
from lossbook.data.datasets.known_targets import are_given, known_classes, known_targets
from lossbook.data.datasets.looking import look
from lossbook.data.datasets.measuring import mask_counts, measured_channels
from lossbook.data.datasets.options import DatasetOptions
from lossbook.data.datasets.part import DatasetPart, ItemSource
from lossbook.data.datasets.targets import UNLABELLED, ClassNames, TargetForm, class_value
from lossbook.data.fitted import FittedData
from lossbook.data.images.reader import ImageReader
from lossbook.data.reader import Reader
from lossbook.data.schema import Schema
from lossbook.data.source import PARTS, Normalise, Parts
from lossbook.data.split import value_strata
from lossbook.data.statistics import described_parts
from lossbook.data.workers import worker_count
from lossbook.errors import refuse

MOST = 2000  # samples whose channels are measured
_VECTORS = ("multilabel", "value", "count", "distribution")


def dataset_parts(
    sets: Mapping[str, Any],
    options: DatasetOptions,
    known: FittedData | None = None,
    evaluating: bool = False,
    sure: bool = False,
) -> Parts:
    """Return the parts of a set.

    Args:
        sets: part -> Dataset; ``train`` alone is split; else 15 % of ``train`` are the part that is missing.
        options: of the user.
        known: what a checkpoint's data was fitted to.
        evaluating: only ``test`` is needed.
        sure: the targets that a Dataset holds are those that its items give; otherwise a few are compared.

    Raises:
        UserError: the Datasets or the options break a rule.
    """
    options.require_kind()
    if evaluating and "test" in sets:
        sets = {"test": sets["test"]}
    layout = Layout(options.target, options.input_key, options.target_key)
    sources = {part: item_source(dataset, layout, part) for part, dataset in sets.items()}
    plan = options.plan(len(sets) > 1 or "test" in sets)
    if known is not None and "test" not in sets:
        require_same_length(sources, known)
    building = _Building(sources, options, known, sure)
    return building.parts(plan, evaluating)


@dataclass
class _Building:
    """The steps from Datasets to parts; each leaves what the next ones need."""

    sources: Mapping[str, ItemSource]
    options: DatasetOptions
    known: FittedData | None
    sure: bool

    def __post_init__(self) -> None:
        self.notes: list[str] = []
        self.kind = self.options.target
        first_source = next(iter(self.sources.values()))
        first = first_source.item(0)
        where = first_source.where(0)
        try:
            image = self.options.image_format(channels_of(first.inputs[0]))
            self.inputs = InputForm.of(first.inputs[0], image, self.options.channels)
            self.first_input = self.inputs.read(first.inputs[0])
            self.inputs = replace(self.inputs, dtype=self.first_input.dtype)
        except ItemError as error:
            raise error.at(where) from None
        self.pictures = is_pillow(first.inputs[0]) or self.inputs.resized
        if self.options.channels is not None and not self.pictures:
            rule = "It is for PIL images, or with data.image_size; these inputs are arrays, and keep their channels."
            raise refuse(f"data.channels={self.options.channels}", rule, "data.channels=null")
        self.target = self._target_form(first.target, where)
        self.classes = self._classes()
        self.given = {part: self._given_targets(source) for part, source in self.sources.items()}

    def _target_form(self, first: Any, where: str) -> TargetForm | None:
        """The form of targets, whose classes are not known yet."""
        if self.kind in ("none", "triplet"):
            return None
        if self.kind == "mask":
            shape = self.inputs.shape
            if len(shape) != 3:
                rule = f"Masks belong to images (C, H, W); these inputs have shape {shape}."
                raise refuse("data.target=mask", rule, "another data.target")
            return TargetForm("mask", image=self.inputs.image if self.inputs.resized else None, size=shape[1:])
        form = TargetForm(self.kind)
        if self.kind not in _VECTORS:
            return form
        try:
            return TargetForm(self.kind, width=len(form.read(first)))
        except ItemError as error:
            raise error.at(where) from None

    def _classes(self) -> ClassNames | None:
        """The classes as the user, the Dataset or a checkpoint names them; None where none of them does."""
        stated = self.options.stated_classes()
        if self.kind not in ("class", "multilabel", "distribution", "mask"):
            if stated is not None:
                rule = f"Targets of the kind '{self.kind}' have no classes: it has no effect."
                raise refuse(f"data.classes={self.options.classes}", rule, "data.classes=null")
            return None
        if stated is not None:
            return stated
        for source in self.sources.values():
            if names := known_classes(source.dataset):
                return ClassNames.named(names)
        free = "train" not in self.sources or self.kind == "mask"  # no look decides on the split
        if self.known is not None and free and self.known.schema.target == self.kind:
            schema = self.known.schema
            return ClassNames.of_checkpoint(schema.class_names, schema.classes or 1)
        return None  # nor does a checkpoint where a look does, whose split must be the same again

    def _given_targets(self, source: ItemSource) -> Any:
        """The targets that a Dataset holds, if these are what its items give."""
        held = known_targets(source.dataset) if self.kind in ("class", *_VECTORS) else None
        if held is not None and not self.sure and not are_given(held, source, self.kind):
            self.notes.append(f"{source.name} holds other targets than its items give: it is looked over")
            return None
        return held

    def parts(self, plan: Any, evaluating: bool) -> Parts:
        values = {part: self._values(part) for part in self.sources}
        strata = np.concatenate([self._strata(values[part], len(source)) for part, source in self.sources.items()])
        starts = dict(zip(self.sources, np.cumsum([0, *map(len, self.sources.values())]).tolist(), strict=False))
        given = {part: start + np.arange(len(self.sources[part])) for part, start in starts.items()}
        rows = self._assigned(given, strata, plan)
        found = {part: self._part(starts, rows.get(part, np.arange(0)), values) for part in PARTS}
        counts = self._complete(found["train"])
        found = {part: self._with_target(one) for part, one in found.items()}
        schema = self._schema(counts)
        normalise = self._normalisation(found["train"])
        self.notes.insert(0, self._summary(schema))
        described = described_parts(schema, found, normalise, self.notes, self._reader())
        if counts and self.kind == "mask":
            described = replace(described, schema=replace(described.schema, class_counts=counts))
        return described

    def _assigned(self, given: dict[str, np.ndarray], strata: np.ndarray, plan: Any) -> Mapping[str, np.ndarray]:
        """The rows of each part, of all Datasets one after another."""
        swapped = "val" in given and "test" not in given  # what is split off is for the test
        if swapped:
            given = {"train": given["train"], "test": given["val"]}
        assignment = assign_parts(given if "test" in given else {}, strata, self.options.seed, plan=plan)
        self.notes += assignment.notes
        rows = assignment.rows
        return {"train": rows["train"], "val": rows["test"], "test": rows["val"]} if swapped else rows

    def _values(self, part: str) -> Sequence[Any] | None:
        """What the targets of a Dataset are, where it says so or where a look is needed before the split."""
        held = self.given[part]
        source = self.sources[part]
        if self.kind != "class":
            return held
        if held is not None:
            values: Sequence[Any] = [_at(source, row, class_value, value) for row, value in enumerate(_plain(held))]
        elif self.classes is None:
            self.notes.append(
                f"{source.name} does not say its targets: each of {len(source):,} items was read once for them"
                " (an attribute targets, or data.classes=..., spares that)"
            )
            values = self._look(source, np.arange(len(source)), class_value)
        else:
            return None
        if self.classes is None:
            self.classes = ClassNames.found(values)
        for row, value in enumerate(values):
            _at(source, row, self.classes.index, value)
        return values

    def _look(self, source: ItemSource, rows: np.ndarray, read: Callable[[Any], Any]) -> list[Any]:
        return look(source, rows, read, worker_count(self.options.num_workers, source.dataset))

    def _strata(self, values: Sequence[Any] | None, count: int) -> np.ndarray:
        if values is None:
            return np.zeros(count, np.int64)
        if self.kind == "class":
            assert self.classes is not None
            return np.array([self.classes.indices[value] for value in values])
        if self.kind in ("value", "count"):
            return value_strata(np.array([float(np.asarray(value).reshape(-1)[0]) for value in _plain(values)]))
        return np.zeros(count, np.int64)

    def _part(
        self, starts: Mapping[str, int], rows: np.ndarray, values: Mapping[str, Sequence[Any] | None]
    ) -> DatasetPart:
        """The part of these rows, of all Datasets one after another; they are of one."""
        first = rows[0] if len(rows) else 0
        part = [name for name, start in starts.items() if start <= first][-1]
        source, own, held = self.sources[part], rows - starts[part] * bool(len(rows)), values[part]
        targets = None
        if held is not None and self.target is not None:
            if self.kind == "class":
                assert self.classes is not None
                targets = torch.tensor([self.classes.indices[held[row]] for row in own], dtype=torch.int64)
            elif len(own):
                targets = torch.stack([_at(source, row, self.target.read, held[row]) for row in own])
        return DatasetPart(source, own, self.inputs, self.target, targets)

    def _complete(self, train: DatasetPart) -> tuple[int, ...]:
        """Look over the training part for what is still unknown; of masks return the pixels of each class."""
        source = train.source
        if self.kind == "mask" and self.classes is None:
            self.notes.append(f"each of {len(train):,} training masks of {source.name} was read once for its classes"
                              " (data.classes=NUMBER spares that)")  # fmt: skip
            every = self._look(source, train.rows, mask_counts)
            total: Counter[int] = Counter()
            for counts in every:
                total.update(counts)
            if total.get(UNLABELLED):
                self.notes.append(f"masks hold {UNLABELLED}, taken for pixels without a class")
            classes = [value for value in total if value >= 0 and value != UNLABELLED]
            if not classes:
                raise refuse(f"The masks of {source.name} hold no class", "Classes are 0 to 254.", "check the masks")
            self.classes = ClassNames.counted(max(classes) + 1)
            return tuple(total[value] for value in range(len(self.classes)))
        if self.kind in ("value", "count") and train.targets is None and len(train) and self.known is None:
            self.notes.append(f"each of {len(train):,} training items of {source.name} was read once for the mean and"
                              " scale of targets (an attribute targets spares that)")  # fmt: skip
            assert self.target is not None
            train.targets = torch.stack(self._look(source, train.rows, self.target.read))
        return ()

    def _with_target(self, part: DatasetPart) -> DatasetPart:
        target = None if self.target is None else replace(self.target, classes=self.classes)
        return DatasetPart(part.source, part.rows, self.inputs, target, part.targets)

    def _schema(self, counts: tuple[int, ...]) -> Schema:
        names = () if self.classes is None else self.classes.names
        shape = self.inputs.shape
        if self.kind in ("class", "mask"):
            assert self.classes is not None
            return Schema(self.kind, shape, 0, classes=len(self.classes), class_names=names, class_counts=counts)
        width = None if self.target is None else self.target.width
        if self.kind in ("multilabel", "distribution"):
            if self.classes is not None and len(self.classes) != width:
                rule = f"Targets of the kind '{self.kind}' have a column a class, and the first has {width}."
                raise refuse(f"{len(self.classes)} classes", rule, f"data.classes={width}, or their names")
            return Schema(self.kind, shape, 0, classes=width, class_names=names)
        return Schema(self.kind, shape, 0, width=width)

    def _normalisation(self, train: DatasetPart) -> Normalise | None:
        given = self.options.normalisation(self.inputs.shape)
        if given is not None or self.options.normalise != "measured" or not len(train):
            return given
        return measured_channels(train, min(len(train), MOST)) if self.known is None else self.known.normalise

    def _reader(self) -> Reader | None:
        if self.kind in ("pair", "triplet"):
            return None
        dataset = next(iter(self.sources.values())).dataset
        own = any(getattr(dataset, name, None) is not None for name in ("transform", "transforms"))
        if self.pictures and not own and self.inputs.image is not None:
            return ImageReader.of(self.inputs.image)
        return ArrayReader(self.inputs.shape)

    def _summary(self, schema: Schema) -> str:
        kind = str(self.first_input.dtype).removeprefix("torch.")
        shape = " x ".join(map(str, self.inputs.shape))
        name = next(iter(self.sources.values())).name
        return f"{name}: inputs of {shape} {kind}, targets of the kind {schema.target}" + (
            f", {schema.classes} classes" if schema.classes else ""
        )


def _at(source: ItemSource, row: int, read: Callable[[Any], Any], value: Any) -> Any:
    """Return what ``read`` makes of a value of an item; its error names the item."""
    try:
        return read(value)
    except ItemError as error:
        raise error.at(source.where(row)) from None


def _plain(values: Sequence[Any]) -> Sequence[Any]:
    """Numbers of Python in place of those of a tensor or array, which cost more to look at one by one."""
    return values.tolist() if isinstance(values, (Tensor, np.ndarray)) else values
