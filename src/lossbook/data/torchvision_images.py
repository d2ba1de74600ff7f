"""Sets of small images through torchvision, kept in memory as bytes: the MNIST family, CIFAR, SVHN, STL-10, USPS."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lossbook.data.images.reader import ImageReader
from lossbook.data.schema import Schema
from lossbook.data.source import Parts, Source
from lossbook.data.split import stratified_split
from lossbook.data.statistics import described_parts
from lossbook.data.torchvision_sets import IN_MEMORY, NamedSet, class_names_of, facts_of, open_set
from lossbook.errors import refuse


@dataclass(frozen=True)
class TorchvisionImages(Source):
    """A classification dataset of torchvision, with its official test part.

    Args:
        name: the class in ``torchvision.datasets``, one of ``IN_MEMORY`` in ``torchvision_sets``.
        root: torchvision's ``root`` folder (MNIST is in ``root/MNIST/raw``).
        download: whether to download the files to ``root`` if they are missing.
        validation: number of official training samples that become the validation part, stratified by class.
        seed: which ones, and the order of the test part.
        variant: of a set that has several, such as EMNIST's ``balanced``.

    ``load`` gives inputs of uint8 (N, C, H, W) and classes, with the mean and deviation of the training part.
    """

    name: str
    root: str
    download: bool = False
    validation: int = 5000
    seed: int = 0
    variant: str | None = None

    def load(self) -> Parts:
        facts = facts_of(self.name, IN_MEMORY)
        images, labels, names = self._read(facts, "train")
        test_images, test_labels, _ = self._read(facts, "test")
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

    def _read(self, facts: NamedSet, part: str) -> tuple[Tensor, Tensor, tuple[str, ...]]:
        found = open_set(facts, self.root, part, self.download, self.variant)
        data = torch.as_tensor(found.data)
        if data.ndim == 3:
            data = data.transpose(1, 2) if self.name == "EMNIST" else data  # whose files hold columns of pixels
            data = data[:, None]
        elif data.shape[-1] == 3:
            data = data.permute(0, 3, 1, 2)
        labels = torch.as_tensor(getattr(found, facts.labels), dtype=torch.int64)
        labels = labels[:, 0] if labels.ndim == 2 else labels  # QMNIST's have where each digit comes from beside it
        names = class_names_of(facts, found)
        if names[0] == "N/A":  # EMNIST's letters begin at 1
            labels, names = labels - 1, names[1:]
        return data.contiguous(), labels, names


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
