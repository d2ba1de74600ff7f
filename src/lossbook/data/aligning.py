"""Data in the terms of a checkpoint: its classes by name, its statistics, its input; what does not fit is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from lossbook.data.fitted import FittedData
from lossbook.data.images.files import ImageFiles
from lossbook.data.schema import Schema, entry
from lossbook.data.source import PARTS, Part, Parts, sample_count
from lossbook.errors import Problem, UserError, nearest
from lossbook.targets import KINDS

_SHOWN = 12  # names in a message


def aligned(parts: Parts, known: FittedData) -> Parts:
    """Parts whose targets are numbered and whose inputs are scaled as those that the checkpoint was trained on.

    Raises:
        UserError: targets of another kind or width, classes that the checkpoint does not know, inputs of another shape.
    """
    old, new = known.schema, parts.schema
    if problems := [*_problems(old, new, known, parts)]:
        raise UserError(*problems)
    notes = list(parts.notes)
    if old.input_shape != new.input_shape:
        notes.append(f"inputs are {_shape(new)}, those of the checkpoint's training {_shape(old)}")
    if parts.normalise != known.normalise:
        notes.append("channels are normalised by the checkpoint's statistics")
    found = {name: getattr(parts, name) for name in PARTS}
    for target, before in old.heads.items():
        names, given = _names(before), _names(new.heads[target])
        if names != given and names and given:
            if missing := [name for name in names if name not in given]:
                notes.append(f"this data lacks {_listed(missing)}, which the checkpoint knows")
            numbers = [names.index(one) for one in given]
            found = {name: _renumbered(part, entry(target), before.target, numbers) for name, part in found.items()}
    schema = replace(old, input_shape=new.input_shape, samples=sample_count(found["train"]), views=new.views)
    return replace(parts, schema=schema, normalise=known.normalise, notes=tuple(notes), **found)


def _problems(old: Schema, new: Schema, known: FittedData, parts: Parts) -> Iterator[Problem]:
    kinds, given_kinds = _kinds(old), _kinds(new)
    if kinds != given_kinds:
        rule = f"The checkpoint was trained on targets of the kind {kinds}."
        yield Problem(f"Data whose targets are of the kind {given_kinds}.", rule, f"data of the kind {kinds}")
        return
    vectors = len(old.input_shape) != 3 or len(new.input_shape) != 3
    if old.input_shape != new.input_shape and (vectors or old.input_shape[0] != new.input_shape[0]):
        rule = f"The checkpoint was trained on inputs of {_shape(old)}."
        yield Problem(f"Data with inputs of {_shape(new)}.", rule, "data of the checkpoint's shape")
    if old.vocabulary != new.vocabulary:
        rule = f"The checkpoint was trained with a vocabulary of {old.vocabulary}."
        yield Problem(f"Data with a vocabulary of {new.vocabulary}.", rule, "data of the same tokens")
    if known.features != parts.features:
        rule = "Its numbers are scaled by the checkpoint's statistics, which takes columns of the same names."
        yield Problem(
            "Data whose columns the checkpoint does not know.", rule, "data=csv data.root=FILE, or its own data"
        )
    for name, head in old.heads.items():
        yield from _target_problems(head, new.heads[name])


def _target_problems(old: Schema, new: Schema) -> Iterator[Problem]:
    names, given = _names(old), _names(new)
    if names and given:
        unknown = [name for name in given if name not in names]
        missing = [name for name in names if name not in given] if KINDS[old.target].class_axis == "column" else []
        what = "symbols" if old.target == "text" else "classes"
        if unknown:
            near = nearest(unknown[0], names)
            fix = f"leave them out of the data, or rename them ({unknown[0]}: {near}?)" if near else "leave them out"
            yield Problem(f"{what.capitalize()} {_listed(unknown)}.", f"The checkpoint knows {_listed(names)}.", fix)
        if missing:
            yield Problem(
                f"Data without the {what} {_listed(missing)}.", "The target has a column for each.", "add them"
            )
    elif (old.classes, old.width) != (new.classes, new.width):
        count = old.classes or old.width
        yield Problem(f"Data of {new.classes or new.width} classes or columns.", f"The checkpoint has {count}.", "")


def _kinds(schema: Schema) -> str:
    """The kinds of a schema's targets, with their names where there are several."""
    return ", ".join(f"{name} '{one.target}'" if name else f"'{one.target}'" for name, one in schema.heads.items())


def _names(schema: Schema) -> tuple[str, ...]:
    return schema.alphabet if schema.target == "text" else schema.class_names


def _renumbered(part: Part, key: str, kind: str, numbers: Sequence[int]) -> Part:
    """A part whose class k is class ``numbers[k]``, of the target that stands at ``key`` in a batch."""
    if isinstance(part, Mapping):
        target = part.get(key)
        return {**part, key: _moved(target, kind, numbers)} if isinstance(target, Tensor) else part
    if isinstance(part, ImageFiles) and part.targets is not None:
        return part.with_targets(_moved(part.targets, kind, numbers))
    return _Renumbered(part, key, kind, numbers)


def _moved(target: Tensor, kind: str, numbers: Sequence[int]) -> Tensor:
    order = torch.tensor(numbers)
    axis = KINDS[kind].class_axis
    if axis == "column":
        return torch.empty_like(target).index_copy_(target.ndim - 1, order, target)
    if axis is None:
        return target
    inside = (target >= 0) & (target < len(numbers))  # others are ignored by a loss, or padding
    return torch.where(inside, order[torch.where(inside, target, 0).long()].to(target.dtype), target)


class _Renumbered(Dataset[dict[str, Any]]):
    """A data set out of memory whose classes have other numbers."""

    def __init__(self, dataset: Dataset[dict[str, Any]], key: str, kind: str, numbers: Sequence[int]) -> None:
        self.dataset, self.key, self.kind, self.numbers = dataset, key, kind, numbers
        if (targets := getattr(dataset, "targets", None)) is not None:
            self.targets = _moved(torch.as_tensor(targets), kind, numbers)
        self.digests = getattr(dataset, "digests", None)
        self.collate = getattr(dataset, "collate", None)

    def __len__(self) -> int:
        return len(self.dataset)  # type: ignore[arg-type]

    def __getitem__(self, index: int) -> dict[str, Any]:
        sample = self.dataset[index]
        return {**sample, self.key: _moved(torch.as_tensor(sample[self.key]), self.kind, self.numbers)}


def _shape(schema: Schema) -> str:
    shape = schema.input_shape
    return f"{shape[0]} numbers" if len(shape) == 1 else " x ".join(map(str, shape))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
