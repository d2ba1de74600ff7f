"""The loader for data that does not fit in memory: torch's DataLoader with workers, in our order."""

from __future__ import annotations

import functools
import os
import signal
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from multiprocessing.sharedctypes import RawValue
from multiprocessing.util import Finalize
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler, default_collate

from lossbook.data.batch_cache import BatchCache
from lossbook.data.batch_order import BatchOrder
from lossbook.data.loader_position import EpochReceiver, Position
from lossbook.errors import UserError

_AHEAD = 2  # batches that are made before they are asked for
_LAST_SECONDS = 60


class DatasetLoader:
    """Batches of a map-style dataset whose samples are dicts, read by worker processes.

    What a ``BatchCache`` holds is not read again: its batches are made in this process; from a disk, and where there
    would be workers, by a thread that works ahead.

    Args:
        dataset: of dicts.
        order: which samples make up which batch.
        num_workers: processes that read ahead; 0 reads in this one.
        pin_memory: for a faster copy to a GPU.
        collate: makes a batch of samples; torch's ``default_collate`` stacks what has equal shapes.

    Yields:
        Dicts with the dataset's keys and ``index`` (N,) int64, the numbers of the samples.
    """

    batch_sampler = None  # Lightning looks for it

    def __init__(
        self,
        dataset: Dataset[dict[str, Any]],
        order: BatchOrder,
        num_workers: int = 0,
        pin_memory: bool = False,
        collate: Callable[[list[dict[str, Any]]], dict[str, Any]] = default_collate,
    ) -> None:
        self.order = order
        self.position = Position(order)
        self.sampler = EpochReceiver(self.position)
        self._batches = _Batches(order)
        self._num_workers = num_workers
        self._cache = dataset if isinstance(dataset, BatchCache) else None
        self._make_loader = functools.partial(
            DataLoader,
            _Numbered(dataset),
            batch_sampler=self._batches,
            num_workers=num_workers,
            collate_fn=functools.partial(_collated, collate),
            persistent_workers=num_workers > 0,
            worker_init_fn=functools.partial(_outlive_stop_signals, _ending()) if num_workers else None,
            pin_memory=pin_memory,
            generator=torch.Generator(),  # DataLoader draws a seed for its workers; not from the numbers of the run
        )
        self._loader: DataLoader[Any] | None = None

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        # a generator: nothing happens before the first batch is asked for, when epoch and position are known
        self._batches.start, self._batches.epoch = self.position.start(), self.position.epoch
        for batch in self._kept() if self._is_kept() else self._read():
            if isinstance(batch, UserError):
                raise batch
            self.position.batches += 1  # batches handed out; the workers are ahead of it
            # torch's collating and pinning make lists of the tuples of pairs and triplets
            yield {key: tuple(column) if isinstance(column, list) else column for key, column in batch.items()}

    def _is_kept(self) -> bool:
        return self._cache is not None and self._cache.holds(self.order.indices(self.position.epoch))

    def _kept(self) -> Iterator[dict[str, Any]]:
        """Yield the batches of an epoch from the cache."""
        assert self._cache is not None
        self._loader = None  # ends its workers
        every = map(torch.tensor, self._batches)
        if not (self._num_workers and self._cache.on_disk):
            yield from map(self._kept_batch, every)
            return
        pool = ThreadPoolExecutor(1, "cache")
        try:
            waiting = deque(pool.submit(self._kept_batch, index) for index in islice(every, _AHEAD))
            while waiting:
                batch = waiting.popleft().result()
                waiting.extend(pool.submit(self._kept_batch, index) for index in islice(every, 1))
                yield batch
        finally:  # also where the epoch is left early
            pool.shutdown(cancel_futures=True)

    def _kept_batch(self, index: Tensor) -> dict[str, Any]:
        assert self._cache is not None
        return {**self._cache.batch(index), "index": index}

    def _read(self) -> Iterator[dict[str, Any] | UserError]:
        """Yield the batches of an epoch, read by the workers, and fill the cache with them."""
        if self._loader is None:
            self._loader = self._make_loader()
        for batch in self._loader:
            if self._cache is not None and not isinstance(batch, UserError):
                self._cache.keep(batch["index"], batch)
            yield batch

    def state_dict(self) -> dict[str, Any]:
        """Epoch and position, and what they are counted in."""
        return self.position.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where ``state`` was saved, once, and only if the epoch is still the same."""
        self.position.load_state_dict(state)


@functools.cache
def _ending() -> Any:
    """Return a flag in shared memory that is set when this process ends, before it terminates its workers."""
    flag = RawValue("b", 0)
    Finalize(None, setattr, (flag, "value", 1), exitpriority=0)
    return flag


def _outlive_stop_signals(ending: Any, _: int) -> None:
    """Leave it to the run to end this worker: Ctrl-C and a cluster's SIGTERM reach all processes of a run, which is
    saved before it stops. A run that does not end its worker within a minute has no use for it any more.

    Args:
        ending: the run's ``_ending``.
    """

    def received(*_: Any) -> None:
        if ending.value:
            os._exit(0)
        signal.alarm(_LAST_SECONDS)

    if hasattr(signal, "alarm"):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, received)


class _Batches(Sampler[list[int]]):
    def __init__(self, order: BatchOrder) -> None:
        self.order, self.epoch, self.start = order, 0, 0
        self._sizes = order.sizes()

    def __len__(self) -> int:
        return len(self._sizes)

    def __iter__(self) -> Iterator[list[int]]:
        for rows in self.order.indices(self.epoch).split(self._sizes)[self.start :]:
            yield rows.tolist()


class _Numbered(Dataset[Any]):
    def __init__(self, dataset: Dataset[dict[str, Any]]) -> None:
        self.dataset = dataset

    def __getitem__(self, index: int) -> dict[str, Any] | UserError:
        try:
            return {**self.dataset[index], "index": index}
        except UserError as error:
            return error  # raised by a worker, it would arrive as a traceback


def _collated(
    collate: Callable[[list[dict[str, Any]]], dict[str, Any]], samples: list[dict[str, Any] | UserError]
) -> dict[str, Any] | UserError:
    for sample in samples:
        if isinstance(sample, UserError):
            return sample
    return collate(samples)  # type: ignore[arg-type]
