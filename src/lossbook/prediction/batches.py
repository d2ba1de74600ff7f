"""Running a network over new inputs: a batch at a time, halved where it does not fit into memory."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from lossbook.data.reader import NewInputs
from lossbook.data.source import sample_count
from lossbook.errors import Problem, UserError, refuse
from lossbook.prediction.network import Network, decided
from lossbook.targets.encoding import Prediction

_NO_ROOM = re.compile(
    r"out of memory|not enough memory|can't allocate memory|cannot allocate memory|failed to allocate|bad_alloc"
    r"|ALLOC_FAILED|bad allocation",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Chunk:
    """What came of a few samples.

    Args:
        places: of those that were read, in the order of the inputs.
        predictions: for them, by head; empty where none was read.
        bad: (place, problem) of those that could not be read.
    """

    places: Sequence[int]
    predictions: Mapping[str, Prediction]
    bad: Sequence[tuple[int, Problem]] = ()

    @property
    def samples(self) -> int:
        return len(self.places) + len(self.bad)


def run(network: Network, inputs: NewInputs, batch_size: int, num_workers: int = 0) -> Iterator[Chunk]:
    """Yield the predictions for inputs, in order.

    Args:
        network: that predicts.
        inputs: as its reader gives them.
        batch_size: at most so many samples at once; fewer from where that does not fit into memory.
        num_workers: processes that read files; 0: this one does.

    Raises:
        UserError: inputs have another shape than the network's, or a single one does not fit into memory.
    """
    step = _Halving(lambda batch: decided(network, batch), batch_size)
    for places, batch, bad in _batches(inputs, batch_size, num_workers):
        if bad:
            yield Chunk((), {}, bad)
        if places:
            _require_shape(batch, network)
            start = 0
            for size, predictions in step(batch, len(places)):
                yield Chunk(places[start : start + size], predictions)
                start += size


class _Halving:
    """Calls a function on a batch, or on halves of it where memory does not suffice, and remembers what did."""

    def __init__(self, function: Callable[[Mapping[str, Any]], dict[str, Prediction]], most: int) -> None:
        self.function, self.most = function, most

    def __call__(self, batch: Mapping[str, Any], samples: int) -> Iterator[tuple[int, dict[str, Prediction]]]:
        start = 0
        while start < samples:
            end = min(start + self.most, samples)
            piece = {key: column[start:end] for key, column in batch.items()}
            found = self._tried(piece)
            if found is not None:
                yield end - start, found
                start = end
            elif end - start > 1:
                self.most = (end - start) // 2
            else:
                rule = "One sample does not fit into memory."
                raise refuse(
                    f"an input of shape {tuple(piece['input'].shape[1:])}", rule, "device=cpu, or a larger machine"
                )

    def _tried(self, piece: Mapping[str, Any]) -> dict[str, Prediction] | None:
        """Return the function's result; None where memory does not suffice, with what it took given back."""
        try:
            return self.function(piece)
        except (MemoryError, RuntimeError) as error:
            if not _no_room(error):
                raise
        if torch.cuda.is_available():  # outside of the handler, whose traceback keeps tensors alive
            torch.cuda.empty_cache()
        return None


def _no_room(error: Exception) -> bool:
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or bool(_NO_ROOM.search(str(error)))


def _batches(
    inputs: NewInputs, batch_size: int, num_workers: int
) -> Iterator[tuple[list[int], dict[str, Any], list[tuple[int, Problem]]]]:
    part = inputs.part
    if isinstance(part, Mapping):
        for start in range(0, sample_count(part), batch_size):
            columns: dict[str, Any] = {key: column[start : start + batch_size] for key, column in part.items()}
            yield [*range(start, start + len(columns["input"]))], columns, []
        return
    loader = DataLoader(_Tolerant(part), batch_size, num_workers=num_workers, collate_fn=_collate)
    yield from loader


class _Tolerant(Dataset[tuple[int, "dict[str, Any] | None", "tuple[Problem, ...]"]]):
    """A dataset that says what is wrong with a sample, in place of raising it."""

    def __init__(self, part: Any) -> None:
        self.part = part

    def __len__(self) -> int:
        return len(self.part)

    def __getitem__(self, index: int) -> tuple[int, dict[str, Any] | None, tuple[Problem, ...]]:
        try:
            return index, self.part[index], ()
        except UserError as error:
            return index, None, error.problems


def _collate(
    samples: Sequence[tuple[int, dict[str, Any] | None, tuple[Problem, ...]]],
) -> tuple[list[int], dict[str, Any], list[tuple[int, Problem]]]:
    read = [(place, sample) for place, sample, _ in samples if sample is not None]
    bad = [(place, problem) for place, _, problems in samples for problem in problems[:1]]
    keys = read[0][1] if read else {}
    batch = {key: torch.stack([torch.as_tensor(sample[key]) for _, sample in read]) for key in keys}
    return [place for place, _ in read], batch, bad


def _require_shape(batch: Mapping[str, Any], network: Network) -> None:
    shape, wanted = tuple(batch["input"].shape[1:]), network.fitted.schema.input_shape
    if shape != wanted:
        rule = f"The network takes inputs of shape {wanted}."
        raise refuse(f"inputs of shape {shape}", rule, "the checkpoint that was trained on such inputs")
