"""What happens to a batch on its device before the model sees it: scaling, augmentation, views."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from lossbook.data.dataset_loader import DatasetLoader
from lossbook.data.mixing import Mixing
from lossbook.data.same_shape import require_shape
from lossbook.data.tensor_loader import TensorLoader
from lossbook.targets.kind import TargetKind
from lossbook.targets.masks import IGNORED

Batch = dict[str, Any]
PIECE = 2**23  # bytes augmented at once on a processor, few enough for memory to be used again, and not fetched anew
_CACHED = 2**20  # bytes normalised at once, few enough to stay in the cache between two passes
EVALUATION_SEED = 20260  # of the views in validation and test, so that their losses can be compared between epochs


class Preparing:
    """Scales uint8 inputs to [0, 1], augments, and normalises.

    Args:
        normalise: mean and standard deviation of each channel, or None.
        augment: modules applied one after another to images in [0, 1], before they are normalised.
        views: 2 makes two augmented inputs of a sample in every part; 1 augments the training part alone.
        following: the kinds of targets that follow the pixels of their images, by their entries in a batch.
        mixing: of training batches, after all else.
    """

    def __init__(
        self,
        normalise: tuple[Sequence[float], Sequence[float]] | None = None,
        augment: Sequence[nn.Module] = (),
        views: int = 1,
        following: Mapping[str, TargetKind] = MappingProxyType({}),
        mixing: Mixing = Mixing(),  # noqa: B008  (frozen)
    ) -> None:
        self.augment = list(augment)
        self.following = dict(following)
        self.mixing = mixing
        self.outside = dict.fromkeys(self.following, IGNORED)
        """What a target holds where an augmented image shows nothing, by its entry in a batch."""
        self.views = views
        self.normalise = normalise
        self._channels: dict[torch.device, tuple[Tensor, Tensor, Tensor]] = {}

    def normalise_by(self, normalise: tuple[Sequence[float], Sequence[float]]) -> None:
        """Use another mean and standard deviation of each channel from now on."""
        self.normalise = normalise
        self._channels.clear()

    def training(self, batch: Batch) -> Batch:
        """The batch as it is trained on."""
        augmented = self._training(batch)
        return self.mixing(augmented) if self.mixing else augmented

    def _training(self, batch: Batch) -> Batch:
        if not self.augment:
            return self.plain(batch)
        if self.views == 1 and self.following:
            images, targets = self._changed(batch["input"], {key: batch[key] for key in self.following})
            return {**batch, **targets, "input": images}
        if self.views == 1:
            return {**batch, "input": self._each(batch["input"], self._augmented)}
        return {**batch, "input": tuple(self._augmented(batch["input"]) for _ in range(self.views))}

    def evaluation(self, batch: Batch) -> Batch:
        """The batch as it is validated and tested on: views from fixed random numbers, and ``clean`` beside them."""
        if self.views == 1:
            return self.plain(batch)
        images = batch["input"]
        with torch.random.fork_rng(devices=[images.device] if images.is_cuda else []):
            generators = [torch.default_generator]  # torch.manual_seed would seed those of all GPUs
            if images.is_cuda:
                generators.append(torch.cuda.default_generators[images.get_device()])
            for generator in generators:
                generator.manual_seed(EVALUATION_SEED + int(batch["index"][0]))
            views = tuple(self._augmented(images) for _ in range(self.views))
        return {**batch, "input": views, "clean": self._finished(images)}

    def plain(self, batch: Batch) -> Batch:
        """The batch without augmentation, its input one tensor (a tuple for pairs and triplets)."""
        column = batch["input"]
        first = column[0] if isinstance(column, tuple) else column
        if first.dtype != torch.uint8 and self.normalise is None:
            return batch
        return {**batch, "input": self._each(column, self._finished)}

    @staticmethod
    def _each(column: Tensor | tuple[Tensor, ...], function: Any) -> Tensor | tuple[Tensor, ...]:
        return tuple(map(function, column)) if isinstance(column, tuple) else function(column)

    def _augmented(self, images: Tensor) -> Tensor:
        return self._changed(images, {})[0]

    def _changed(self, images: Tensor, targets: Mapping[str, Tensor]) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Augmented images, and behind them the targets that follow their pixels."""
        pieces = [slice(None)] if images.device.type != "cpu" else _pieces(images, PIECE)
        if len(pieces) == 1:
            augmented, targets = self._piece(images, targets)
            return self._finished(augmented), targets
        finished, moved = None, []
        for piece in pieces:
            augmented, following = self._piece(images[piece], {key: one[piece] for key, one in targets.items()})
            finished = torch.empty(images.shape, dtype=self._dtype(augmented)) if finished is None else finished
            self._finished(augmented, finished[piece])
            moved.append(following)
        assert finished is not None
        return finished, {key: torch.cat([following[key] for following in moved]) for key in targets}

    def _piece(self, images: Tensor, targets: Mapping[str, Tensor]) -> tuple[Tensor, Mapping[str, Tensor]]:
        for module in self.augment:
            images = images if getattr(module, "keeps_values", False) else _scaled(images)
            given = images.shape
            if targets and hasattr(module, "change"):
                change = module.change(images)  # type: ignore[operator]  # (hasattr found it)
                images = change.images
                targets = {
                    key: self.following[key].moved(target, change.labels, self.outside[key])
                    for key, target in targets.items()
                }
            else:
                images = module(images)
            require_shape(module, given, images)
        return images, targets

    def _finished(self, images: Tensor, out: Tensor | None = None) -> Tensor:
        """Return the images scaled and normalised, in ``out`` where it is given."""
        if out is None:
            if self.normalise is None and images.dtype != torch.uint8:
                return images
            out = torch.empty(images.shape, dtype=self._dtype(images), device=images.device)
        for piece in [slice(None)] if images.device.type != "cpu" else _pieces(images, _CACHED):
            self._finish(images[piece], out[piece])
        return out

    def _finish(self, images: Tensor, out: Tensor) -> None:
        out.copy_(images)
        byte = images.dtype == torch.uint8
        if self.normalise is None:
            if byte:
                out.div_(255)
            return
        if images.device not in self._channels:
            mean, scale = torch.tensor(self.normalise, device=images.device)[:, :, None, None]
            self._channels[images.device] = (-mean / scale, 1 / scale, 1 / scale / 255)
        offset, factor, byte_factor = self._channels[images.device]
        # not by addcmul, which is ten times slower on one thread where channels are broadcast
        out.mul_(byte_factor if byte else factor).add_(offset)

    def _dtype(self, images: Tensor) -> torch.dtype:
        """Return the type of the images once they are finished."""
        if self.normalise is None and images.dtype != torch.uint8:
            return images.dtype
        return torch.float64 if images.dtype == torch.float64 else torch.float32


class PreparedLoader:
    """The batches of a loader as ``prepare`` leaves them on the device; for galleries."""

    def __init__(
        self, loader: TensorLoader | DatasetLoader, prepare: Callable[[Batch], Batch], device: torch.device
    ) -> None:
        self.loader, self.prepare, self.device = loader, prepare, device

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[Batch]:
        for batch in self.loader:
            yield self.prepare(moved(batch, self.device))


def moved(batch: Batch, device: torch.device) -> Batch:
    """The batch on the device; itself where it is there already."""
    if batch["index"].device == device:
        return batch
    return {
        key: tuple(tensor.to(device, non_blocking=True) for tensor in column)
        if isinstance(column, tuple)
        else column.to(device, non_blocking=True)
        for key, column in batch.items()
    }


def _pieces(images: Tensor, size: int) -> list[slice]:
    """Return slices of a batch, each of at most ``size`` bytes as float32, or of one sample."""
    few = max(1, size // max(1, images.shape[1:].numel() * 4))
    return [slice(start, start + few) for start in range(0, len(images), few)]


def _scaled(images: Tensor) -> Tensor:
    return images.float() / 255 if images.dtype == torch.uint8 else images
