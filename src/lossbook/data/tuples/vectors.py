"""Vectors in .npy files: reading them for training, and later inputs as those of training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from lossbook.data.reader import NewInputs, Reader
from lossbook.errors import Problem, refuse

_FIX = "numpy.save(FILE, vector)"


def read_vector(path: Path, size: int | None = None) -> np.ndarray:
    """Return the vector of a .npy file, (D,) float32.

    Raises:
        ValueError: the file holds no finite vector, or one of another length than ``size``.
        OSError: it cannot be read.
    """
    array = np.load(path, allow_pickle=False)
    if not isinstance(array, np.ndarray) or array.ndim != 1 or array.dtype.kind not in "fiub":
        raise ValueError(f"holds an array of shape {getattr(array, 'shape', '?')}, not a vector of numbers")
    vector = array.astype(np.float32)
    if not len(vector) or not np.isfinite(vector).all():
        raise ValueError("holds no numbers, or some that are not finite")
    if size is not None and len(vector) != size:
        raise ValueError(f"holds {len(vector)} numbers, not {size}")
    return vector


def read_vectors(paths: Sequence[Path], size: int | None = None) -> tuple[dict[int, np.ndarray], dict[int, Exception]]:
    """Return the vectors of files by their place, and what cannot be read; all must be as long as the first."""
    found: dict[int, np.ndarray] = {}
    bad: dict[int, Exception] = {}
    for place, path in enumerate(paths):
        try:
            found[place] = read_vector(path, size)
            size = len(found[place])
        except (OSError, ValueError, EOFError) as error:
            bad[place] = error
    return found, bad


@dataclass(frozen=True)
class VectorReader(Reader):
    """Reads vectors from .npy files, one each, or from arrays (N, D).

    Args:
        size: of a vector.
    """

    kind: ClassVar[str] = "vector"
    suffixes: ClassVar[tuple[str, ...]] = (".npy",)

    size: int

    def files(self, paths: Sequence[Path], names: Sequence[str]) -> NewInputs:
        found, bad = read_vectors(paths, self.size)
        problems = [
            Problem(f"{names[place]} {error}", f"A vector of {self.size} numbers is needed.", _FIX)
            for place, error in bad.items()
        ]
        rows = np.stack(list(found.values())) if found else np.zeros((0, self.size), np.float32)
        return NewInputs([names[place] for place in found], {"input": torch.from_numpy(rows)}, problems)

    def objects(self, inputs: Any) -> NewInputs:
        try:
            rows = torch.as_tensor(np.asarray(inputs), dtype=torch.float32)
        except (TypeError, ValueError, RuntimeError) as error:
            rows = torch.zeros(0)
            said: Any = error
        else:
            said = f"an array of shape {tuple(rows.shape)}"
            rows = rows[None] if rows.ndim == 1 else rows
        if rows.ndim != 2 or rows.shape[1] != self.size or not torch.isfinite(rows).all():
            raise refuse(f"inputs: {said}", f"They must be finite numbers of shape (N, {self.size}).", "numpy.stack")
        return NewInputs([str(place) for place in range(len(rows))], {"input": rows})
