"""Policies: operations drawn from a list for each sample, in place of a fixed sequence."""

from __future__ import annotations

import torch
from torch import Tensor

from lossbook.data.augment.change import Change, Geometric, Move
from lossbook.data.augment.draws import require
from lossbook.data.augment.operations import NAMES, RAND, WIDE, Strengths, operated

_STRENGTHS = 30  # steps from none to the strongest


class RandAugment(Geometric):
    """``n`` operations a sample, drawn one after another, all of one magnitude.

    Sources: Cubuk et al. 2020; the operations and strengths of ``torchvision.transforms.v2.RandAugment``.

    Args:
        n: number of operations.
        magnitude: strength of each, from 0 to 30.
    """

    channels = (1, 3)

    def __init__(self, n: int = 2, magnitude: float = 9) -> None:
        super().__init__()
        require(isinstance(n, int) and n >= 1, f"n={n}", "It is a number of operations.", "n=2")
        rule = f"It goes from 0 to {_STRENGTHS}."
        require(0 <= magnitude <= _STRENGTHS, f"magnitude={magnitude}", rule, "magnitude=9")
        self.n, self.magnitude = n, magnitude

    def change(self, images: Tensor) -> Change:
        moves: list[Move] = []
        for _ in range(self.n):
            strength = torch.full((len(images),), self.magnitude / _STRENGTHS, device=images.device)
            step = _drawn(images, strength, RAND)
            images = step.images
            moves.append(step.labels)
        return Change(images, lambda planes: _each(moves, planes))


class TrivialAugment(Geometric):
    """One operation a sample, of a strength drawn from all that there are.

    Source: Müller and Hutter 2021, TA (Wide); ``torchvision.transforms.v2.TrivialAugmentWide``. Shifts are at most 150
    of 331 parts of a side, where 32 pixels are more than that.
    """

    channels = (1, 3)

    def change(self, images: Tensor) -> Change:
        strength = torch.randint(0, _STRENGTHS + 1, (len(images),), device=images.device) / _STRENGTHS
        return _drawn(images, strength, WIDE)


def _drawn(images: Tensor, strength: Tensor, strongest: Strengths) -> Change:
    """Draw an operation and a sign for each sample."""
    operation = torch.randint(0, len(NAMES), (len(images),), device=images.device)
    sign = torch.randint(0, 2, (len(images),), device=images.device) * 2 - 1
    return operated(images, operation, strength, sign, strongest)


def _each(moves: list[Move], planes: Tensor) -> Tensor:
    for move in moves:
        planes = move(planes)
    return planes
