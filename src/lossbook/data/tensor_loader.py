"""A loader for data in memory, which indexes whole batches at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from lossbook.data.batch_order import BatchOrder
from lossbook.data.loader_position import EpochReceiver, Position
from lossbook.data.source import Columns

CHUNK = 2**20  # bytes gathered at once, few enough for the cache; batches are views of them


class TensorLoader:
    """Batches of the rows of tensors.

    The rows of many batches are gathered by one ``index_select``, and the batches are views of it, which takes a few
    microseconds per batch. A batch may be kept, but must not be changed in place unless ``order.shuffle``.

    Args:
        columns: key -> tensor with one row per sample, or a tuple of such tensors; all on one device.
        order: of the rows in batches.

    Yields:
        Dicts with these keys, and ``index`` (N,) int64, the indices of the rows.
    """

    batch_sampler = None  # Lightning looks for it

    def __init__(self, columns: Columns, order: BatchOrder) -> None:
        self.columns = dict(columns)
        self.order = order
        self.position = Position(order)
        self.sampler = EpochReceiver(self.position)
        tensors = [t for column in columns.values() for t in (column if isinstance(column, tuple) else (column,))]
        assert all(len(t) == order.samples for t in tensors), "rows differ"
        self._row_bytes = max(1, sum(t[0].nbytes for t in tensors))
        self._device = tensors[0].device
        self._sizes = order.sizes()

    def __len__(self) -> int:
        return len(self._sizes)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        # a generator: nothing runs until the first batch is requested, when epoch and position are known
        start = self.position.start()
        order = self.order.indices(self.position.epoch)
        in_place = not self.order.shuffle and self.order.world_size == 1
        done = sum(self._sizes[:start])
        keys = [*self.columns, "index"]
        for sizes in self._chunks(start):
            rows = order[done : done + sum(sizes)].to(self._device)
            done += sum(sizes)
            pieces = [_pieces(column, rows, sizes, in_place) for column in self.columns.values()]
            for values in zip(*pieces, rows.split(sizes), strict=True):
                self.position.batches += 1
                yield dict(zip(keys, values, strict=True))

    def _chunks(self, start: int) -> Iterator[list[int]]:
        batches = max(1, CHUNK // (self._row_bytes * max(self._sizes)))
        for first in range(start, len(self._sizes), batches):
            yield self._sizes[first : first + batches]

    def state_dict(self) -> dict[str, Any]:
        """Return the epoch, the position in it, and what both refer to."""
        return self.position.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from where ``state`` was saved, once, and only if the epoch is still the same."""
        self.position.load_state_dict(state)


def _pieces(column: Tensor | tuple[Tensor, ...], rows: Tensor, sizes: list[int], in_place: bool) -> Any:
    if isinstance(column, tuple):
        return zip(*(_pieces(tensor, rows, sizes, in_place) for tensor in column), strict=True)
    ordered = column.narrow(0, int(rows[0]), len(rows)) if in_place else torch.index_select(column, 0, rows)
    return ordered.split(sizes)
