"""The inputs that an export is checked on: samples of the data, or random ones where the data is gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from lossbook.data.fitted import FittedData
from lossbook.data.module import DataModule
from lossbook.data.schema import Schema
from lossbook.errors import UserError
from lossbook.export.network import INPUT, LENGTHS
from lossbook.training.assemble import load
from lossbook.trust import Trust


@dataclass(frozen=True)
class Samples:
    """Inputs as they are exported: bytes as numbers in [0, 1], nothing normalised.

    Args:
        input: (N, ...).
        lengths: (N,) of lines, for networks that take them; all of the width where the data states none.
        origin: where they come from, for people.
    """

    input: Tensor
    lengths: Tensor
    origin: str

    def batch(self, size: int, names: Sequence[str], shape: tuple[int, int] | None = None) -> tuple[Tensor, ...]:
        """Return the arguments of a network for the first samples, repeated where there are fewer.

        Args:
            size: number of samples.
            names: of the arguments.
            shape: height and width that images are resized to.
        """
        rows = torch.arange(size) % len(self.input)
        images, lengths = self.input[rows], self.lengths[rows]
        if shape is not None:
            lengths = (lengths * shape[1]) // images.shape[-1]
            images = F.interpolate(images, shape, mode="bilinear")
        found = {INPUT: images, LENGTHS: lengths.clamp_min(1)}
        return tuple(found[name] for name in names)


def samples_of(data: Mapping[str, Any], known: FittedData, trust: Trust, count: int) -> Samples:
    """Return samples of a checkpoint's data, or random ones.

    Args:
        data: the data node of its config.
        known: what the data was fitted to.
        trust: what the config may build.
        count: how many at most.
    """
    try:
        parts = load(data, trust, known, evaluating=True)
        batch = DataModule(replace(parts, normalise=None), "all", needed=(), fixed=True).few(count)
    except UserError as error:
        given = error.problems[0].given
        return random_samples(known.schema, count, f"random inputs: the data cannot be read ({given})")
    column = batch[INPUT]
    inputs = torch.cat(column)[:count] if isinstance(column, tuple) else column
    inputs = inputs.long() if known.schema.vocabulary is not None else inputs.float()
    lengths = batch.get(LENGTHS)
    return Samples(inputs, _whole(inputs) if lengths is None else lengths.long(), f"{len(inputs)} samples of the data")


def random_samples(schema: Schema, count: int, origin: str = "random inputs") -> Samples:
    """Return random inputs in the range of the data's; always the same."""
    generator = torch.Generator().manual_seed(0)
    shape = (count, *schema.input_shape)
    if schema.vocabulary is not None:
        inputs = torch.randint(schema.vocabulary, shape, generator=generator)
    elif len(schema.input_shape) == 3:
        inputs = torch.rand(shape, generator=generator)
    else:
        inputs = torch.randn(shape, generator=generator)
        for column, categories in schema.categories:
            inputs[:, column] = torch.randint(categories, (count,), generator=generator).float()
    return Samples(inputs, _whole(inputs), origin)


def _whole(inputs: Tensor) -> Tensor:
    return torch.full((len(inputs),), inputs.shape[-1])
