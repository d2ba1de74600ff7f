"""How inputs that a user brings later are read exactly as those that the network was trained on."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

from lossbook.data.source import Part
from lossbook.errors import Problem

READERS = {  # kind -> the class; a checkpoint names the kind
    "array": "lossbook.data.array_reader.ArrayReader",
    "table": "lossbook.data.tables.reader.TableReader",
    "image": "lossbook.data.images.reader.ImageReader",
    "image_table": "lossbook.data.images.table_reader.ImageTableReader",
    "vector": "lossbook.data.tuples.vectors.VectorReader",
}


@dataclass(frozen=True)
class NewInputs:
    """Inputs without targets, as a part of a set holds them: not yet scaled to [0, 1], not normalised.

    Args:
        names: of the samples that can be read, in order.
        part: their ``input``, in memory or a map-style dataset, which may raise ``UserError`` for a sample.
        bad: what cannot be read, and why; not in ``part``.
        notes: for the user, a line each.
    """

    names: Sequence[str]
    part: Part
    bad: Sequence[Problem] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reader(ABC):
    """Reads inputs; a frozen dataclass of plain values, which checkpoints keep."""

    kind: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]]  # of the files that it reads, in lower case, with the dot

    @abstractmethod
    def files(self, paths: Sequence[Path], names: Sequence[str]) -> NewInputs:
        """Read files.

        Args:
            paths: of the files, in order.
            names: of each, for the user: the path below the folder that was given.
        """

    @abstractmethod
    def objects(self, inputs: Any) -> NewInputs:
        """Read objects in memory: PIL images, arrays, tensors or a data frame.

        Raises:
            UserError: they are of another kind than the network's inputs.
        """

    def state(self) -> dict[str, Any]:
        """Return plain containers, for a checkpoint; ``read_reader`` reads them."""
        return {"kind": self.kind, **{field.name: getattr(self, field.name) for field in fields(self)}}


def read_reader(state: Mapping[str, Any]) -> Reader:
    """Return the reader that a checkpoint's entry describes.

    Raises:
        KeyError, TypeError, ValueError: the entry is damaged.
    """
    values = dict(state)
    module, _, name = READERS[values.pop("kind")].rpartition(".")
    made: Reader = getattr(importlib.import_module(module), name)(**values)
    return made
