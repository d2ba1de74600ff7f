"""MNIST, Fashion-MNIST, CIFAR-10 and CIFAR-100 through torchvision, kept in memory as bytes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lossbook.data.images.reader import ImageReader
from lossbook.data.schema import Schema
from lossbook.data.source import Parts, Source
from lossbook.data.split import stratified_split
from lossbook.data.statistics import described_parts
from lossbook.errors import UserError, refuse


@dataclass(frozen=True)
class TorchvisionImages(Source):
    """A classification dataset of torchvision, with its official test part.

    Args:
        name: the class in ``torchvision.datasets``: MNIST, FashionMNIST, CIFAR10 or CIFAR100.
        root: torchvision's ``root`` folder (MNIST is in ``root/MNIST/raw``).
        download: whether to download the files to ``root`` if they are missing.
        validation: number of official training samples that become the validation part, stratified by class.
        seed: which ones, and the order of the test part.

    ``load`` gives inputs of uint8 (N, C, H, W) and classes, with the mean and deviation of the training part.
    """

    name: str
    root: str
    download: bool = False
    validation: int = 5000
    seed: int = 0

    def load(self) -> Parts:
        images, labels, names = self._read(train=True)
        test_images, test_labels, _ = self._read(train=False)
        if not 0 < self.validation < len(labels):
            raise refuse(
                f"data.source.validation={self.validation}",
                f"This must be from 1 to {len(labels) - 1:,}, fewer than the official training samples.",
                f"data.source.validation={len(labels) // 10}",
            )
        share = self.validation / len(labels)
        train, val = map(torch.from_numpy, stratified_split(labels.numpy(), self.seed, (1 - share, share)))
        order = torch.from_numpy(np.random.Generator(np.random.PCG64(self.seed)).permutation(len(test_labels)))
        train_images = images[train]
        schema = Schema("class", tuple(images.shape[1:]), 0, classes=len(names), class_names=names)
        parts = {
            "train": {"input": train_images, "target": labels[train]},
            "val": {"input": images[val], "target": labels[val]},
            "test": {"input": test_images[order], "target": test_labels[order]},
        }
        reader = ImageReader.of_shape(schema.input_shape)
        return described_parts(schema, parts, channel_statistics(train_images), reader=reader)

    def _read(self, train: bool) -> tuple[Tensor, Tensor, tuple[str, ...]]:
        from torchvision import datasets  # imported here, since it takes a second and few datasets need it

        try:
            found: Any = getattr(datasets, self.name)(self.root, train=train, download=self.download)
        except Exception as error:  # torchvision passes on whatever downloading or unpickling raises
            raise self._refusal(error) from error
        data = found.data
        images = (
            torch.from_numpy(data).permute(0, 3, 1, 2).contiguous() if isinstance(data, np.ndarray) else data[:, None]
        )
        names = tuple(name.split(" - ")[0] for name in found.classes)  # "7 - seven" is 7
        return images, torch.as_tensor(found.targets, dtype=torch.int64), names

    def _refusal(self, error: Exception) -> UserError:
        if self.download:
            return refuse(
                f"data.root={self.root} data.download=true",
                f"{self.name} could not be downloaded or read: {error}".splitlines()[0],
                "check the network and that the folder is writable; or data.root=PATH of a complete copy",
            )
        state = "holds no readable" if Path(self.root).is_dir() else "is not a folder, so has no"
        return refuse(
            f"data.root={self.root} {state} {self.name}",
            f"{self.name} must be there as torchvision stores it ({self.name}/raw or its extracted archive).",
            "data.root=PATH, or data.download=true to download it there",
        )


def channel_statistics(images: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the exact mean and population standard deviation of each channel of (N, C, H, W) uint8 over 255."""
    count = np.zeros((images.shape[1], 256), np.int64)
    for block in images.split(4096):  # bincount widens bytes to int64
        for channel in range(images.shape[1]):
            count[channel] += np.bincount(block[:, channel].reshape(-1).numpy(), minlength=256)
    level = np.arange(256) / 255
    mean = count @ level / count.sum(1)
    variance = count @ level**2 / count.sum(1) - mean**2
    return tuple(mean.tolist()), tuple(np.sqrt(np.maximum(variance, 1e-12)).tolist())
