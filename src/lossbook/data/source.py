"""Where data comes from: one method that gives the three parts of a set and the schema that describes them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from torch import Tensor
from torch.utils.data import Dataset

from lossbook.data.schema import Schema
from lossbook.errors import refuse

Columns: TypeAlias = Mapping[str, "Tensor | tuple[Tensor, ...]"]
Part: TypeAlias = Columns | Dataset[dict[str, Any]]
Normalise: TypeAlias = tuple[tuple[float, ...], tuple[float, ...]]


@dataclass(frozen=True)
class Parts:
    """The three parts of a set and their schema.

    Args:
        schema: what the set promises; its statistics are those of ``train``.
        train, val, test: disjoint. In memory a mapping from the keys of a batch (``input``, ``target``, ...) to
            tensors, or tuples of tensors, with one row a sample; otherwise a map-style ``Dataset`` of such dicts, one a
            sample, which may have ``targets`` (class indices, one a sample, as a tensor or a list) for the counts of a
            part of it.
        normalise: mean and standard deviation of each channel, of inputs scaled to [0, 1]; None leaves them as they
            are. Inputs of type uint8 are always divided by 255 first.
        notes: what the source found and decided that a user should know, a line each; printed at the start of a run.
    """

    schema: Schema
    train: Part
    val: Part
    test: Part
    normalise: Normalise | None = None
    notes: tuple[str, ...] = ()


class Source(ABC):
    """A dataset that can be loaded."""

    @abstractmethod
    def load(self) -> Parts:
        """Read or generate the set, each part in random order, so that its first k samples are a random subset, too.

        Raises:
            UserError: the files are missing, unreadable or break a rule.
        """


def load(source: Any, path: str) -> Parts:
    """The parts that a source gives, which may be any class of a user's own with the method ``load``.

    Args:
        source: built by what ``path`` names.
        path: dotted, for messages.

    Raises:
        UserError: what came is no source, or gives no parts.
    """
    given, fix = f"data.source._target_={path}", "a class derived from lossbook.data.source.Source"
    if not callable(getattr(source, "load", None)):
        what = "A Dataset is what one of these parts may be" if isinstance(source, Dataset) else "It has no load()"
        raise refuse(
            given, f"A source has load(), which gives Parts: train, val and test, and their schema. {what}.", fix
        )
    parts = source.load()
    if not isinstance(parts, Parts):
        raise refuse(given, f"Its load() gave a {type(parts).__name__}, not lossbook.data.source.Parts.", fix)
    for name in ("train", "val", "test"):
        part = getattr(parts, name)
        fits = (
            "input" in part if isinstance(part, Mapping) else hasattr(part, "__len__") and hasattr(part, "__getitem__")
        )
        if not fits:
            rule = (
                f"Its {name} part is a {type(part).__name__}; a part is a mapping with 'input', or a map-style Dataset."
            )
            raise refuse(given, rule, fix)
    return parts


def sample_count(part: Part) -> int:
    """The number of samples of a part."""
    if isinstance(part, Mapping):
        column = part["input"]
        return len(column[0] if isinstance(column, tuple) else column)
    return len(part)  # type: ignore[arg-type]
