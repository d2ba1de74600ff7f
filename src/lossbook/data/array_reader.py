"""Arrays, as a network's training data held them: numbers of one shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from lossbook.data.reader import NewInputs, Reader
from lossbook.errors import Problem, UserError, refuse


@dataclass(frozen=True)
class ArrayReader(Reader):
    """Reads arrays and tensors of one shape: bytes as uint8, other numbers as float32.

    Args:
        shape: of an input.
    """

    kind: ClassVar[str] = "array"
    suffixes: ClassVar[tuple[str, ...]] = (".npy",)

    shape: tuple[int, ...]

    def files(self, paths: Sequence[Path], names: Sequence[str]) -> NewInputs:
        good: list[str] = []
        read: list[Tensor] = []
        bad: list[Problem] = []
        for path, name in zip(paths, names, strict=True):
            try:
                read.append(self._array(np.load(path, allow_pickle=False), str(path)))
                good.append(name)
            except UserError as error:
                bad += error.problems
            except (OSError, ValueError, EOFError) as error:
                rule = f"It is no array of NumPy: {str(error).splitlines()[0]}"
                bad.append(Problem(f"{path} cannot be read", rule, "save it by numpy.save"))
        return NewInputs(good, {"input": self._stacked(read)}, bad)

    def objects(self, inputs: Any) -> NewInputs:
        if isinstance(inputs, (Tensor, np.ndarray)) and inputs.ndim == len(self.shape):
            inputs = [inputs]
        elif not isinstance(inputs, (Tensor, np.ndarray, list, tuple)):
            rule = f"Inputs are arrays or tensors of shape {self.shape}, or a list of them."
            raise refuse(f"an input of type {type(inputs).__name__}", rule)
        good: list[str] = []
        read: list[Tensor] = []
        bad: list[Problem] = []
        for place, one in enumerate(inputs):
            try:
                read.append(self._array(one, f"input {place}"))
                good.append(str(place))
            except UserError as error:
                bad += error.problems
        return NewInputs(good, {"input": self._stacked(read)}, bad)

    def _array(self, given: Any, where: str) -> Tensor:
        found = torch.as_tensor(np.array(given) if isinstance(given, np.ndarray) else given)
        if tuple(found.shape) != self.shape:
            rule = f"The network was trained on inputs of shape {self.shape}."
            raise refuse(f"{where} has shape {tuple(found.shape)}", rule, "an array of that shape")
        found = found if found.dtype == torch.uint8 else found.float()
        if found.is_floating_point() and not found.isfinite().all():
            raise refuse(f"{where} holds inf or nan", "Inputs are finite (as float32).", "leave it out")
        return found

    def _stacked(self, read: Sequence[Tensor]) -> Tensor:
        if any(one.is_floating_point() for one in read):
            read = [one if one.is_floating_point() else one.float() / 255 for one in read]
        return torch.stack(list(read)) if read else torch.zeros((0, *self.shape))
