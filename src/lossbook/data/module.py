"""The one data module: any parts, in memory or not, as Lightning's loaders."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import lightning
import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset, Subset

from lossbook.data.batch_cache import BatchCache
from lossbook.data.batch_order import BatchOrder, automatic_size
from lossbook.data.collating import Collate
from lossbook.data.dataset_loader import DatasetLoader
from lossbook.data.fitting import augment_problems, border_problems, mixing_problems, option_problems
from lossbook.data.mixing import Mixing
from lossbook.data.preparing import Batch, PreparedLoader, Preparing, moved
from lossbook.data.schema import Schema, entry
from lossbook.data.source import PARTS, Columns, Part, Parts, sample_count
from lossbook.data.statistics import describe
from lossbook.data.tensor_loader import TensorLoader
from lossbook.data.workers import AUTO, worker_count
from lossbook.errors import UserError, refuse
from lossbook.targets import KINDS

Loader: TypeAlias = TensorLoader | DatasetLoader
_MIXED = "Training batches are mixed: their metrics are of the sample with the larger share."
_WEIGHTED = "Samples have weights: losses are weighted means, metrics are not."
SHARE = 0.25  # of a GPU's free memory that a part may take


class DataModule(lightning.LightningDataModule):
    """Loaders for the parts of a set.

    Args:
        parts: what a source loads.
        batch_size: samples a batch and process; ``all``; or ``auto``, see ``automatic_size``.
        seed: of the order of training batches.
        views: 1; or 2 augmented inputs of a sample, in every part, with ``clean`` beside them in validation and test.
        limit: at most so many samples of each part, or None.
        augment: modules of ``lossbook.data.augment``, or others that augment each sample on its own.
        num_workers: reading processes, for data that is not in memory; or ``auto``, see ``worker_count``.
        mixing: of training batches.
        sampling: ``balanced`` for training epochs in which each class is equally frequent, or None.
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
        num_workers: int | str = 0,
        mixing: Mixing = Mixing(),  # noqa: B008  (frozen)
        sampling: str | None = None,
        needed: Sequence[str] = PARTS,
        fixed: bool = False,
    ) -> None:
        super().__init__()
        in_memory = isinstance(parts.train, Mapping)
        problems = [
            *option_problems(batch_size, views, limit, num_workers, in_memory),
            *augment_problems(parts.schema, augment or (), views),
            *mixing_problems(parts.schema, mixing),
        ]
        if problems:
            raise UserError(*problems)
        self.seed = seed
        self._rows, self._names = parts.rows, parts.names
        following = {entry(name): kind for name, one in parts.schema.heads.items() if (kind := KINDS[one.target]).moves}
        self.preparing = Preparing(parts.normalise, augment or (), views, following, mixing)
        self._parts = {name: limited(getattr(parts, name), limit) for name in PARTS}
        samples = sample_count(self._parts["train"])
        self.batch_size = automatic_size(samples) if batch_size == AUTO else batch_size
        self.num_workers = worker_count(num_workers, self._parts["train"])
        chosen = f"data.num_workers={num_workers}: {self.num_workers or 'no'} processes read the data"
        self.notes = (
            *parts.notes,
            *([_MIXED] if mixing else []),
            *([_WEIGHTED] if isinstance(parts.train, Mapping) and "weight" in parts.train else []),
            *([chosen] if num_workers == AUTO and not in_memory else []),
        )
        self._resident: dict[tuple[str, torch.device], Columns] = {}
        self._galleries: dict[tuple[int, int, torch.device], PreparedLoader] = {}
        for name in needed:
            if sample_count(self._parts[name]) == 0:
                raise refuse(f"the {name} part is empty", "Each part needs at least one sample.", "supply more data")
        schema = parts.schema if limit is None or fixed else describe(parts.schema, self._parts["train"])
        self._schema = replace(schema, views=views)
        self._classes = self._of_samples() if sampling is not None and "train" in needed else None

    @property
    def schema(self) -> Schema:
        """What the parts promise, with the statistics of the training part that is used."""
        return self._schema

    def part(self, name: str) -> Part:
        """The part ``train``, ``val`` or ``test`` that is used, as its source gave it: not scaled, not augmented."""
        return self._parts[name]

    def sample_name(self, part: str, index: int) -> str:
        """What the user calls a sample of a part: its file, its row, or else its number (both from 0)."""
        if self._rows is None:
            return str(index)
        place = int(self._rows[part][index])
        return f"row {place}" if self._names is None else self._names[place]

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

    def ignore(self, labels: Mapping[str, int | None]) -> None:
        """Let targets that follow moved pixels hold, outside of an image, the label that their loss ignores.

        Args:
            labels: by the target's name; None where the loss ignores none.

        Raises:
            UserError: there is none, and an augmentation shows what is outside.
        """
        own = {entry(name): label for name, label in labels.items() if entry(name) in self.preparing.following}
        if problems := list(border_problems(self.preparing.augment, own)):
            raise UserError(*problems)
        self.preparing.outside.update({key: label for key, label in own.items() if label is not None})

    def _of_samples(self) -> Tensor:
        """The class of each training sample."""
        known = getattr(self._parts["train"], "targets", None)
        found = self.targets("train") if known is None else torch.as_tensor(known)
        if self._schema.target != "class" or found is None or found.ndim != 1:
            raise refuse(
                "data.sampling=balanced",
                "Balanced sampling needs to know the class of every training sample before it is read.",
                "data.sampling=null, or a part with 'targets', the classes of its samples",
            )
        return found.cpu().long()

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
        batch = self.preparing.evaluation(self.first(samples))
        return {key: _default_type(column) for key, column in batch.items()}

    def first(self, samples: int) -> Batch:
        """The same samples as their source gave them: not scaled, not augmented."""
        part = limited(self._parts["train" if sample_count(self._parts["train"]) else "test"], samples)
        order = BatchOrder(sample_count(part), "all", False, self.seed)
        loader: Loader
        if isinstance(part, Mapping):
            loader = TensorLoader(part, order)
        else:
            loader = DatasetLoader(part, order, collate=self._collate(part))
        return next(iter(loader))

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
        classes = self._classes if shuffle else None
        order = BatchOrder(samples, self.batch_size, shuffle, self.seed, rank, processes, classes)
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
    if isinstance(part, BatchCache):  # of which torch's Subset knows nothing
        return part.rows(np.arange(limit))
    subset: Dataset[dict[str, Any]] = Subset(part, range(limit))
    for known in ("targets", "digests"):
        if (values := getattr(part, known, None)) is not None:
            setattr(subset, known, values[:limit])
    if (collate := getattr(part, "collate", None)) is not None:
        subset.collate = collate  # type: ignore[attr-defined]
    return subset
