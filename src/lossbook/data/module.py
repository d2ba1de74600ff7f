"""The one data module: any parts, in memory or not, as Lightning's loaders."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import lightning
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset, Subset

from lossbook.data.batch_order import BatchOrder
from lossbook.data.collating import Collate
from lossbook.data.dataset_loader import DatasetLoader
from lossbook.data.fitting import augment_problems, option_problems
from lossbook.data.preparing import Batch, PreparedLoader, Preparing, moved
from lossbook.data.schema import Schema, entry
from lossbook.data.source import PARTS, Columns, Part, Parts, sample_count
from lossbook.data.statistics import describe
from lossbook.data.tensor_loader import TensorLoader
from lossbook.errors import UserError, refuse
from lossbook.targets import KINDS

Loader: TypeAlias = TensorLoader | DatasetLoader
SHARE = 0.25  # of a GPU's free memory that a part may take


class DataModule(lightning.LightningDataModule):
    """Loaders for the parts of a set.

    Args:
        parts: what a source loads.
        batch_size: samples a batch and process, or ``all``.
        seed: of the order of training batches.
        views: 1; or 2 augmented inputs of a sample, in every part, with ``clean`` beside them in validation and test.
        limit: at most so many samples of each part, or None.
        augment: modules of ``lossbook.data.augment``, or others that augment each sample on its own.
        num_workers: reading processes, for data that is not in memory.
        needed: the parts that must not be empty.
        fixed: the schema's statistics are a checkpoint's, and stay what they are under a ``limit``.

    Raises:
        UserError: an option is out of range, has no effect, or does not fit the target kind; or a part is empty.
    """

    def __init__(
        self,
        parts: Parts,
        batch_size: int | str,
        seed: int = 0,
        *,
        views: int = 1,
        limit: int | None = None,
        augment: Sequence[nn.Module] | None = None,
        num_workers: int = 0,
        needed: Sequence[str] = PARTS,
        fixed: bool = False,
    ) -> None:
        super().__init__()
        in_memory = isinstance(parts.train, Mapping)
        problems = [
            *option_problems(batch_size, views, limit, num_workers, in_memory),
            *augment_problems(parts.schema, augment or (), views),
        ]
        if problems:
            raise UserError(*problems)
        self.batch_size, self.seed, self.num_workers = batch_size, seed, num_workers
        self.notes = parts.notes
        self.preparing = Preparing(parts.normalise, augment or (), views)
        self._rows, self._names = parts.rows, parts.names
        self._parts = {name: limited(getattr(parts, name), limit) for name in PARTS}
        self._resident: dict[tuple[str, torch.device], Columns] = {}
        self._galleries: dict[tuple[int, int, torch.device], PreparedLoader] = {}
        for name in needed:
            if sample_count(self._parts[name]) == 0:
                raise refuse(f"the {name} part is empty", "Each part needs at least one sample.", "supply more data")
        schema = parts.schema if limit is None or fixed else describe(parts.schema, self._parts["train"])
        self._schema = replace(schema, views=views)

    @property
    def schema(self) -> Schema:
        """What the parts promise, with the statistics of the training part that is used."""
        return self._schema

    def part(self, name: str) -> Part:
        """The part ``train``, ``val`` or ``test`` that is used, as its source gave it: not scaled, not augmented."""
        return self._parts[name]

    def sample_name(self, part: str, index: int) -> str:
        """What the user calls a sample of a part: its file, its row (from 1), or else its number (from 0)."""
        if self._rows is None:
            return str(index)
        place = int(self._rows[part][index])
        return f"row {place + 1}" if self._names is None else self._names[place]

    def targets(self, name: str, target: str = "") -> Tensor | None:
        """The targets (N, ...) of a part that is used, where they are in memory; None where they are not.

        Args:
            name: of the part.
            target: which one, of several.
        """
        part = self._parts[name]
        known = None if target else getattr(part, "targets", None)
        found = part.get(entry(target)) if isinstance(part, Mapping) else known
        return found if isinstance(found, Tensor) else None

    def train_dataloader(self) -> Loader:
        """The training part in a new order each epoch; always in the same one for ``trainer.overfit_batches``."""
        overfit = self.trainer is not None and getattr(self.trainer, "overfit_batches", 0) > 0
        return self._loader("train", shuffle=not overfit)

    def val_dataloader(self) -> Loader:
        """The validation part, in order."""
        return self._loader("val")

    def test_dataloader(self) -> Loader:
        """The test part, in order."""
        return self._loader("test")

    def gallery_dataloader(self) -> PreparedLoader | None:
        """The training part in order, without augmentation, ready for the model: what queries are compared with.

        None where there is no training part: a checkpoint is tested on data of its own.
        """
        if sample_count(self._parts["train"]) == 0:
            return None
        place = (*self._process(), self._device())
        if place not in self._galleries:  # kept, since a loader's workers take seconds to start
            self._galleries[place] = PreparedLoader(self._loader("train"), self._plain, self._device())
        return self._galleries[place]

    def few(self, samples: int) -> Batch:
        """The first samples of the training part on the CPU, as a validation would see them; for a look at them.

        Of the test part where there is nothing to train on.
        """
        part = limited(self._parts["train" if sample_count(self._parts["train"]) else "test"], samples)
        order = BatchOrder(sample_count(part), "all", False, self.seed)
        loader: Loader
        if isinstance(part, Mapping):
            loader = TensorLoader(part, order)
        else:
            loader = DatasetLoader(part, order, collate=self._collate(part))
        batch = self.preparing.evaluation(next(iter(loader)))
        return {key: _default_type(column) for key, column in batch.items()}

    @property
    def fewest_inputs(self) -> int:
        """Inputs that the model sees at once in the smallest training batch: two a sample for pairs, and so on."""
        order = BatchOrder(sample_count(self._parts["train"]), self.batch_size, True, 0, *self._process())
        inputs = max(KINDS[one.target].inputs for one in self._schema.heads.values())
        return min(order.sizes()) * max(inputs, self._schema.views)

    def _process(self) -> tuple[int, int]:
        return (0, 1) if self.trainer is None else (self.trainer.global_rank, self.trainer.world_size)

    def _loader(self, name: str, shuffle: bool = False) -> Loader:
        part = self._parts[name]
        rank, processes = self._process()
        samples = sample_count(part)
        if samples < processes:
            raise refuse(
                f"the {name} part of {samples} samples for {processes} processes",
                "Each process needs at least one sample.",
                f"trainer.devices={samples}, or more data",
            )
        order = BatchOrder(samples, self.batch_size, shuffle, self.seed, rank, processes)
        if isinstance(part, Mapping):
            return TensorLoader(self._placed(name, part), order)
        pin = self._device().type == "cuda"
        return DatasetLoader(part, order, self.num_workers, pin, self._collate(part))

    def _collate(self, part: Part) -> Callable[[list[dict[str, Any]]], dict[str, Any]]:
        """How samples become a batch: a dataset may bring ``collate``, for inputs of different sizes."""
        return getattr(part, "collate", None) or Collate(self._schema)

    def _device(self) -> torch.device:
        return torch.device("cpu") if self.trainer is None else self.trainer.strategy.root_device

    def _placed(self, name: str, part: Columns) -> Columns:
        """The part on the device, where that is a GPU with room for it."""
        device = self._device()
        if device.type != "cuda":
            return part
        if (name, device) not in self._resident:
            tensors = [t for column in part.values() for t in (column if isinstance(column, tuple) else (column,))]
            if sum(tensor.nbytes for tensor in tensors) > SHARE * torch.cuda.mem_get_info(device)[0]:
                return part
            self._resident[name, device] = {
                key: tuple(t.to(device) for t in column) if isinstance(column, tuple) else column.to(device)
                for key, column in part.items()
            }
        return self._resident[name, device]

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        """Lightning's hook: costs nothing where the batch is there already."""
        return moved(batch, device)

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Lightning's hook: scaling and, in training, augmentation; views in every part."""
        training = self.trainer is not None and self.trainer.training
        return self._at_precision(self.preparing.training(batch) if training else self.preparing.evaluation(batch))

    def _plain(self, batch: Batch) -> Batch:
        return self._at_precision(self.preparing.plain(batch))

    def _at_precision(self, batch: Batch) -> Batch:
        """Of the type that the model has; Lightning does that before, when images may still be bytes."""
        if self.trainer is None:
            return batch
        converted: Batch = self.trainer.precision_plugin.convert_input(batch)
        return converted


def _default_type(column: Any) -> Any:
    """Numbers of torch's default type; tokens and other whole ones stay."""
    if isinstance(column, tuple):
        return tuple(map(_default_type, column))
    floating = isinstance(column, Tensor) and column.is_floating_point()
    return column.to(torch.get_default_dtype()) if floating else column


def limited(part: Part, limit: int | None) -> Part:
    """The first ``limit`` samples of a part (its source has put it in random order), or all of it."""
    if limit is None or sample_count(part) <= limit:
        return part
    if isinstance(part, Mapping):
        return {
            key: tuple(tensor[:limit] for tensor in column) if isinstance(column, tuple) else column[:limit]
            for key, column in part.items()
        }
    subset: Dataset[dict[str, Any]] = Subset(part, range(limit))
    for known in ("targets", "digests"):
        if (values := getattr(part, known, None)) is not None:
            setattr(subset, known, values[:limit])
    if (collate := getattr(part, "collate", None)) is not None:
        subset.collate = collate  # type: ignore[attr-defined]
    return subset
