"""One look over the items of a Dataset that does not say what its targets are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from lossbook.data.datasets.item import ItemError
from lossbook.data.datasets.part import ItemSource
from lossbook.errors import UserError


def look(source: ItemSource, rows: np.ndarray, read: Callable[[Any], Any], num_workers: int = 0) -> list[Any]:
    """Return what ``read`` makes of the target of each item, with a bar where there is a terminal.

    Args:
        source: of the items.
        rows: which of them.
        read: may raise ``ItemError``.
        num_workers: processes.

    Raises:
        UserError: an item cannot be read.
    """
    from rich.console import Console
    from rich.progress import track

    found = DataLoader(
        _Targets(source, rows, read),
        batch_size=None,
        num_workers=num_workers,
        collate_fn=_same,
        generator=torch.Generator(),  # not from the numbers of the run
    )
    console = Console(stderr=True)
    shown = track(
        found, f"targets of {source.name}", len(rows), transient=True, console=console, disable=not console.is_terminal
    )
    return list(_checked(shown))


def _checked(found: Any) -> Iterator[Any]:
    for one in found:
        if isinstance(one, UserError):
            raise one
        yield one


def _same(item: Any) -> Any:
    return item


class _Targets(Dataset[Any]):
    def __init__(self, source: ItemSource, rows: np.ndarray, read: Callable[[Any], Any]) -> None:
        self.source, self.rows, self.read = source, rows, read

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Any:
        row = int(self.rows[index])
        try:
            return self.read(self.source.item(row).target)
        except UserError as error:
            return error  # raised by a worker, it would arrive as a traceback
        except ItemError as error:
            return error.at(self.source.where(row))
