"""The order of samples in batches, as a pure function of the seed and the epoch."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

_SMALLEST, _LARGEST = 64, 1024  # automatic sizes
_STEPS = 256  # of an epoch, at most, as long as the largest batch allows


def automatic_size(samples: int) -> int:
    """Return the batch size for so many training samples where the user leaves it to us: a power of two.

    64, so that a few hundred samples give enough steps; 128 above 16,384 samples, and so on up to 1024 above 131,072,
    so that large data is not slow.
    """
    size = _SMALLEST
    while size < _LARGEST and samples > size * _STEPS:
        size *= 2
    return size


@dataclass(frozen=True)
class BatchOrder:
    """The batches of every epoch, for one of ``world_size`` processes.

    Each sample is in exactly one batch of one process, or of balanced classes as often as it is
    drawn. All processes have the same number of batches, whose sizes
    differ by at most one. A last batch of one sample is merged with the one before, since batch norm and pairs need
    two: a batch may have one sample more than ``batch_size`` (two with several processes).

    Args:
        samples: in the part, at least ``world_size``.
        batch_size: samples per batch and process, or ``all``.
        shuffle: whether each epoch has a new order; otherwise 0, 1, 2, ...
        seed: of the order.
        rank, world_size: index of this process, and their number.
        classes: (samples,) of them, for epochs in which each class is equally frequent; None for each sample once.
            Those below 0 are of no class, and left out. Has no effect without ``shuffle``.
    """

    samples: int
    batch_size: int | str
    shuffle: bool = False
    seed: int = 0
    rank: int = 0
    world_size: int = 1
    classes: Tensor | None = field(default=None, compare=False, repr=False)

    def sizes(self) -> list[int]:
        """Return the sizes of this process's batches."""
        least, most = self.samples // self.world_size, -(-self.samples // self.world_size)
        size = most if self.batch_size == "all" else min(int(self.batch_size), most)
        number = -(-most // size)
        if number > 1 and least - size * (number - 1) < min(size, 2):
            number -= 1
        own = len(range(self.rank, self.samples, self.world_size))
        return [size] * (number - 1) + [own - size * (number - 1)]

    def indices(self, epoch: int) -> Tensor:
        """Return the indices of this process's samples in the order of the epoch, (n,) int64."""
        if not self.shuffle:
            return torch.arange(self.rank, self.samples, self.world_size)
        # SeedSequence mixes the two, so that seed 1 in epoch 0 is unrelated to seed 0 in epoch 1
        state = int(np.random.SeedSequence([self.seed, epoch]).generate_state(1, np.uint64)[0] >> np.uint64(1))
        generator = torch.Generator().manual_seed(state)
        if self.classes is None:
            order = torch.randperm(self.samples, generator=generator)
        else:
            order = balanced(self.classes, self.samples, generator)
        return order[self.rank :: self.world_size]


def balanced(classes: Tensor, number: int, generator: torch.Generator) -> Tensor:
    """Draw so many indices that every class is equally frequent, up to one, in random order.

    A class goes through all its samples before it repeats one.

    Args:
        classes: (N,) of the samples; those below 0 are never drawn.
        number: of indices.
        generator: of the random numbers.
    """
    by_class = classes.argsort(stable=True)
    every, counts = classes[by_class].unique_consecutive(return_counts=True)
    members = [own for one, own in zip(every, by_class.split(counts.tolist()), strict=True) if one >= 0]
    share, rest = divmod(number, len(members))
    more = torch.randperm(len(members), generator=generator) < rest
    drawn = []
    for own, extra in zip(members, more.tolist(), strict=True):
        times, some = divmod(share + extra, len(own))
        drawn += [own.repeat(times), own[torch.randperm(len(own), generator=generator)[:some]]]
    return torch.cat(drawn)[torch.randperm(number, generator=generator)]
