"""The columns of a set of ``datasets`` as inputs and targets."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from lossbook.data.datasets.item import ItemError
from lossbook.errors import nearest, refuse, typed

_NUMBERS = ("int", "uint", "float", "bool")


@dataclass(frozen=True)
class Columns:
    """Which columns are read.

    Args:
        image: the column of images; empty where the inputs are numbers.
        features: the columns of numbers.
        targets: the target's columns.
        kind: of the target.
    """

    image: str
    features: tuple[str, ...]
    targets: tuple[str, ...]
    kind: str


def is_image(feature: Any) -> bool:
    """Return whether a column holds images."""
    return type(feature).__name__ == "Image"


def is_numeric(feature: Any) -> bool:
    """Return whether a column holds a number a row."""
    return type(feature).__name__ == "Value" and str(feature.dtype).startswith(_NUMBERS)


def choose_columns(
    features: Any, kind: str, image: str | None, given: Sequence[str] | None, targets: Sequence[str]
) -> Columns:
    """Return the columns to read, by what the user names and else by what they hold.

    Args:
        features: of the set: column -> its type.
        kind: of the target.
        image: column of images that the user names.
        given: columns of numbers that the user names.
        targets: the target's columns.

    Raises:
        UserError: a column does not exist or holds something else; or which ones are meant is not clear.
    """
    for key, names in (("image_column", [image] if image else []), ("feature_columns", given or []),
                       ("target_columns", targets)):  # fmt: skip
        for name in names:
            if name not in features:
                near = nearest(name, features) or next(iter(features))
                fix = f"data.{key}={near if key == 'image_column' else f'[{near}]'}"
                raise refuse(f"data.{key}={typed(name)}", f"The columns are {', '.join(features)}.", fix)
    if (kind == "none") == bool(targets):
        rule = "Every kind of target but none has columns, and none has not."
        fix = "data.target_columns=[]" if targets else f"data.target_columns=[{list(features)[-1]}]"
        raise refuse(f"data.target={kind} data.target_columns={typed(list(targets))}", rule, fix)
    if image and given:
        raise refuse("data.image_column and data.feature_columns", "Inputs are images or numbers.", "leave one out")
    if image is None and given is None:
        images = [name for name, one in features.items() if is_image(one) and name not in targets]
        if len(images) > 1:
            rule = f"The columns {', '.join(images)} hold images."
            raise refuse("data.image_column=null", rule, f"data.image_column={images[0]}")
        image = images[0] if images else None
    if image:
        if not is_image(features[image]):
            rule = f"It holds {held(features[image])}, not images."
            raise refuse(f"data.image_column={image}", rule, "a column of type Image, or data.feature_columns=[...]")
        return Columns(image, (), tuple(targets), kind)
    numbers = [name for name, one in features.items() if is_numeric(one) and name not in targets]
    chosen = list(numbers if given is None else given)
    wrong = [name for name in chosen if not is_numeric(features[name])]
    if wrong or not chosen:
        said = f"data.feature_columns={typed(list(given))}" if given is not None else "data.feature_columns=null"
        shown = "; ".join(f"{name} holds {held(features[name])}" for name in (wrong or list(features))[:8])
        rule = f"Inputs are images, or columns of one number: {shown}."
        raise refuse(
            said, rule, f"data.feature_columns=[{','.join(numbers[:4])}]" if numbers else "convert the columns"
        )
    return Columns("", tuple(chosen), tuple(targets), kind)


def held(feature: Any) -> str:
    """Return what a column holds, in words."""
    name = type(feature).__name__
    if name == "Value":
        return "text" if "string" in str(feature.dtype) else str(feature.dtype)
    return {"ClassLabel": "classes", "Image": "images", "Audio": "sound"}.get(name, name)


class TableItems(Dataset[Any]):
    """Items of a split: ``(image or numbers, target)``.

    Args:
        split: of ``datasets``.
        columns: which are read.
        shown_as: name for messages.
    """

    def __init__(self, split: Any, columns: Columns, shown_as: str) -> None:
        import datasets

        self.columns, self.shown_as = columns, shown_as
        self.features = split.features
        kept = split.select_columns([*([columns.image] if columns.image else columns.features), *columns.targets])
        for name in kept.column_names:
            if is_image(kept.features[name]):
                kept = kept.cast_column(name, datasets.Image(decode=False))  # opened here, and decoded as small as does
        self.split = kept.with_format(None)
        self.classes = self._class_names()
        pictures = any(is_image(self.features[name]) for name in columns.targets)
        self.targets = None if pictures or not columns.targets else self._all_targets()
        self.numbers = None if columns.image else self._numbers()

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, row: int) -> Any:
        if self.numbers is not None:
            inputs: Any = self.numbers[row]
            found = self.split[row] if self.targets is None and self.columns.targets else {}
        else:
            found = self.split[row]
            inputs = self._opened(found[self.columns.image], self.columns.image)
        if not self.columns.targets:
            return (inputs,)
        if self.targets is not None:
            return inputs, self.targets[row]
        return inputs, self._opened(found[self.columns.targets[0]], self.columns.targets[0])

    @staticmethod
    def _opened(stored: Any, column: str) -> Any:
        from PIL import Image

        if stored is None:
            raise ValueError(f"the column {column} is empty")
        return Image.open(io.BytesIO(stored["bytes"]) if stored.get("bytes") else stored["path"])

    def _class_names(self) -> tuple[str, ...]:
        kind, targets = self.columns.kind, self.columns.targets
        if kind == "multilabel" and len(targets) > 1:
            return targets
        if not targets or kind not in ("class", "multilabel"):
            return ()
        feature = self.features[targets[0]]
        inner = getattr(feature, "feature", feature)  # of a list of classes
        return tuple(getattr(inner, "names", None) or ())

    def _all_targets(self) -> Any:
        """The targets of all rows as an item gives them."""
        columns = [self.split[name][:] for name in self.columns.targets]
        for name, column in zip(self.columns.targets, columns, strict=True):
            if None in column:
                raise ItemError(f"has no value in {name}", "Every sample needs a target.", "drop such rows").at(
                    f"Item {column.index(None):,} of {self.shown_as}"
                )
        if len(columns) > 1:
            return list(zip(*columns, strict=True))
        (values,) = columns
        feature = self.features[self.columns.targets[0]]
        listed = hasattr(getattr(feature, "feature", None), "names")
        if self.columns.kind == "multilabel" and listed:  # lists of classes
            rows = np.zeros((len(values), len(self.classes)), np.int64)
            for row, labels in enumerate(values):
                rows[row, labels] = 1
            return rows
        return values

    def _numbers(self) -> np.ndarray:
        """All inputs, (N, F) float64.

        Raises:
            UserError: one is missing, or not finite.
        """
        found = np.array([self.split[name][:] for name in self.columns.features], dtype=object).T
        numbers = found.astype(np.float64)  # None is nan
        wrong = np.argwhere(~np.isfinite(numbers))
        if len(wrong):
            row, column = wrong[0].tolist()
            more = f" (and {len(wrong) - 1:,} more)" if len(wrong) > 1 else ""
            raise refuse(
                f"Row {row:,} of {self.shown_as} has no finite number in {self.columns.features[column]}{more}",
                "Every feature of every row is a finite number.",
                "fill or drop such rows, or name other data.feature_columns",
            )
        return numbers
