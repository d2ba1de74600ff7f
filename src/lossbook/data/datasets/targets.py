"""Targets as a Dataset returns them, made tensors of their kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lossbook.data.datasets.inputs import is_pillow
from lossbook.data.datasets.item import ItemError
from lossbook.data.images.format import ImageFormat
from lossbook.data.masks.decoding import class_mask
from lossbook.errors import nearest
from lossbook.targets.masks import IGNORED

TAKEN = ("class", "multilabel", "value", "count", "distribution", "mask", "pair", "triplet", "none")
UNLABELLED = 255  # what masks usually hold where there is no class
_SHOWN = 8
_LARGEST = float(torch.finfo(torch.float32).max)
_RULES: dict[str, tuple[Callable[[np.ndarray], Any], str]] = {  # by kind: what holds for a target, and in words
    "multilabel": (
        lambda target: ((target == 0) | (target == 1)).all(),
        "A multilabel target is a vector of 0 (absent) and 1 (present).",
    ),
    "count": (
        lambda target: ((target >= 0) & (target == np.round(target)) & (target <= _LARGEST)).all(),
        "A count is a whole number, 0 or more.",
    ),
    "distribution": (
        lambda target: (target >= 0).all() and abs(target.sum() - 1) <= 1e-3,
        "Probabilities are 0 or more, and those of a sample sum to 1.",
    ),
    "value": (lambda target: (abs(target) <= _LARGEST).all(), "A value is finite, also as float32."),
}


@dataclass(frozen=True)
class ClassNames:
    """The classes of a set.

    Args:
        names: in order of the indices; empty where only their number is known.
        indices: what a Dataset returns for a class, a number or a name -> its index.
    """

    names: tuple[str, ...]
    indices: Mapping[int | str, int]

    def __len__(self) -> int:
        return len(self.names) or len(self.indices)

    @classmethod
    def counted(cls, count: int) -> ClassNames:
        """Return classes that are numbered from 0, without names."""
        numbers: dict[int | str, int] = {index: index for index in range(count)}
        return cls((), numbers)

    @classmethod
    def named(cls, names: Sequence[str]) -> ClassNames:
        """Return classes that targets give by number or name."""
        numbers: dict[int | str, int] = {index: index for index in range(len(names))}
        return cls(tuple(names), {**numbers, **{name: index for index, name in enumerate(names)}})

    @classmethod
    def found(cls, values: Sequence[int | str]) -> ClassNames:
        """Return classes for the values of targets, in their order: numbers from 0 stay what they are."""
        every = sorted(set(values), key=lambda value: (isinstance(value, str), value))
        if all(value == index for index, value in enumerate(every)):
            return cls.counted(len(every))
        return cls(tuple(map(str, every)), {value: index for index, value in enumerate(every)})

    @classmethod
    def of_checkpoint(cls, names: Sequence[str], count: int) -> ClassNames:
        """Return the classes that a checkpoint knows, which were found in its targets: names that are numbers, too."""
        if not names:
            return cls.counted(count)
        numbers: dict[int | str, int] = {
            int(name): index for index, name in enumerate(names) if name.lstrip("-").isdecimal()
        }
        return cls(tuple(names), {**numbers, **{name: index for index, name in enumerate(names)}})

    def index(self, value: int | str) -> int:
        """Return the index of a target.

        Raises:
            ItemError: it is none of the classes.
        """
        found = self.indices.get(value)
        if found is None:
            shown = self.names or tuple(map(str, self.indices))
            some = ", ".join(shown[:_SHOWN]) + (", ..." if len(shown) > _SHOWN else "")
            rule = f"The {len(self)} classes are {some}."
            near = nearest(str(value), shown) if isinstance(value, str) else None
            raise ItemError(
                f"has the target {value!r}", rule, f"{near}?" if near else "data.classes=[...] names all of them"
            )
        return found


@dataclass(frozen=True)
class TargetForm:
    """What targets are made to be.

    Args:
        kind: one of ``TAKEN`` that has a target.
        classes: of ``class``, and of the columns or pixels of others; None where they are not known yet.
        width: of ``value``, ``count``, ``multilabel`` and ``distribution``; None where it is not known yet.
        image: what masks are brought to, as the images are; None leaves them as they are.
        size: height and width of the inputs, which masks must have; None where it is not known.
    """

    kind: str
    classes: ClassNames | None = None
    width: int | None = None
    image: ImageFormat | None = field(default=None)
    size: tuple[int, int] | None = None

    def read(self, given: Any) -> Tensor:
        """Return the target of a sample.

        Raises:
            ItemError: it breaks the promise of its kind.
        """
        if self.kind == "class":
            value = class_value(given)
            assert self.classes is not None
            return torch.tensor(self.classes.index(value))
        if self.kind == "mask":
            return self._mask(given)
        if self.kind == "pair":
            value = class_value(given)
            if value not in (0, 1):
                raise ItemError(f"has the target {value!r}", "A pair's target is 1 (same) or 0 (different).", "fix it")
            return torch.tensor(value)
        return self._vector(given)

    def _vector(self, given: Any) -> Tensor:
        found = _numbers(given).reshape(-1)
        if self.width is not None and len(found) != self.width:
            rule = f"The first target has {self.width}, and all must have as many."
            raise ItemError(f"has a target of {len(found)} numbers", rule, "fix the Dataset")
        holds, rule = _RULES[self.kind]
        if not holds(found):
            shown = ", ".join(f"{one:g}" for one in found[:_SHOWN]) + (", ..." if len(found) > _SHOWN else "")
            raise ItemError(f"has the target {shown}", rule, "fix or drop the sample; or another data.target")
        return torch.from_numpy(found.astype(np.int64 if self.kind == "multilabel" else np.float32))

    def _mask(self, given: Any) -> Tensor:
        found = mask_array(given)
        assert self.classes is not None
        count = len(self.classes)
        inside = (found >= 0) & (found < count)
        wrong = ~inside & (found != IGNORED) & (found != UNLABELLED)
        if wrong.any():
            rule = f"The {count} classes are 0 to {count - 1}; {UNLABELLED} and {IGNORED} are pixels without one."
            raise ItemError(f"has a mask with {found[wrong][0]}", rule, "data.classes=NUMBER, or fix the mask")
        found = np.where(inside, found, IGNORED) if self.image is None else class_mask(found, range(count), self.image)
        if self.size is not None and found.shape != self.size:
            rule = f"The input has {self.size[0]} x {self.size[1]} pixels, and the mask a class for each."
            raise ItemError(
                f"has a mask of {found.shape[0]} x {found.shape[1]}", rule, "data.image_size=64 resizes both"
            )
        return torch.from_numpy(found)


def class_value(given: Any) -> int | str:
    """Return the class that a target names, a whole number or a text.

    Raises:
        ItemError: it is something else.
    """
    if isinstance(given, str):
        return str(given)
    value = given
    if isinstance(value, (Tensor, np.ndarray, np.generic)):
        if (value.numel() if isinstance(value, Tensor) else value.size) != 1:
            raise ItemError(
                f"has a target of shape {tuple(value.shape)}",
                "A class is one whole number, or a name.",
                "data.target=multilabel, distribution, value or mask, whichever it is",
            )
        value = value.item()
    if isinstance(value, (bool, int)):
        return int(value)
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        raise ItemError(f"has the target {value:g}", "A class is a whole number (int), or a name.", "data.target=value")
    fix = "data.target=none, if there are no targets" if given is None else "another data.target"
    raise ItemError(f"has a target of type {type(given).__name__}", "A class is a whole number (int), or a name.", fix)


def mask_array(given: Any) -> np.ndarray:
    """Return the classes of a mask, (H, W) int64.

    Raises:
        ItemError: it is no image or array of whole numbers with one channel.
    """
    if is_pillow(given):
        if given.mode not in ("1", "L", "P", "I", "I;16"):
            rule = "A mask has one channel, whose values are classes (modes L, P and I of Pillow)."
            raise ItemError(f"has a mask of mode {given.mode}", rule, "map colours to classes in the Dataset")
        given = np.asarray(given)
    array = given.detach().cpu().numpy() if isinstance(given, Tensor) else np.asarray(given)
    if array.ndim == 3 and array.shape[0] == 1:
        array = array[0]
    elif array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.ndim != 2 or not (np.issubdtype(array.dtype, np.integer) or array.dtype == bool):
        rule = "A mask holds a class for each pixel: whole numbers, (H, W)."
        raise ItemError(
            f"has a target of shape {array.shape} and type {array.dtype}", rule, "convert it in the Dataset"
        )
    return array.astype(np.int64)


def _numbers(given: Any) -> np.ndarray:
    try:
        if isinstance(given, Tensor):
            given = given.detach().cpu().numpy()
        found = np.asarray(given)
        if found.dtype.kind in "OUSMm":
            raise TypeError("no numbers")
        return found.astype(np.float64)
    except (TypeError, ValueError) as error:
        rule = "A target of this kind is a number, or a vector of numbers."
        raise ItemError(f"has a target of type {type(given).__name__}", rule, "another data.target") from error
