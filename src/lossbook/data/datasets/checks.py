"""What a Dataset must have to be a part of a set: items by number, a length, and with a checkpoint the same one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch.utils.data import IterableDataset

from lossbook.data.datasets.item import Layout
from lossbook.data.datasets.part import ItemSource
from lossbook.data.fitted import FittedData
from lossbook.errors import refuse


def item_source(dataset: Any, layout: Layout, part: str) -> ItemSource:
    """Return a Dataset as the source of a part's items.

    Raises:
        UserError: it cannot be indexed, or is empty.
    """
    name = getattr(dataset, "shown_as", None) or f"{type(dataset).__module__}.{type(dataset).__qualname__}"
    if part != "train":
        name += f" ({part})"
    if isinstance(dataset, IterableDataset) or not (hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__")):
        raise refuse(
            f"{name} has no {'__getitem__' if not hasattr(dataset, '__getitem__') else '__len__'}",
            "Parts, orders and exact resuming need items by number: a map-style Dataset.",
            "define __len__ and __getitem__; a stream that fits in memory: list(stream)",
        )
    try:
        empty = len(dataset) == 0
    except TypeError as error:  # IterableDataset and others define it and raise
        raise refuse(f"{name} has no length", f"{error}.", "define __len__") from error
    if empty:
        raise refuse(f"{name} is empty", "Its length is 0: each part needs a sample.", "check its arguments")
    return ItemSource(dataset, layout, name)


def require_same_length(sources: Mapping[str, ItemSource], known: FittedData) -> None:
    """Check that Datasets that are split by number have as many items as when the checkpoint was trained.

    Raises:
        UserError: they have not.
    """
    then, now = sum(known.samples.values()), sum(map(len, sources.values()))
    if then != now:
        raise refuse(
            f"{sources['train'].name} has {now:,} items; it had {then:,} when the checkpoint was trained",
            "Its parts are drawn by number: the test part would hold samples that the checkpoint was trained on.",
            "the same data; or new samples alone as a test part (data.test of data=dataset, else data.splits)",
        )
