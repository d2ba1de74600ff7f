"""Which heights and widths of images an exported network takes, and at which of them that is checked."""

from __future__ import annotations

from enum import Enum

from lossbook.data.schema import Schema
from lossbook.targets import KINDS

STEP = 32  # pixels; the networks that halve images five times take multiples of it


class ImageSizes(Enum):
    """The heights and widths that an exported network takes beside those of training."""

    ANY = "any"
    STEPS = f"in steps of {STEP}"
    FIXED = "fixed"


def is_image(schema: Schema) -> bool:
    """Whether inputs are images."""
    return len(schema.input_shape) == 3 and schema.vocabulary is None


def free_axes(schema: Schema) -> tuple[int, ...]:
    """Return the axes of a batch of inputs that may differ from training: height and width, or a line's width alone."""
    if not is_image(schema):
        return ()
    sequence = any(KINDS[one.target].output == "sequence" for one in schema.heads.values())
    return (3,) if sequence else (2, 3)


def probes(sizes: ImageSizes, shape: tuple[int, ...], axes: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return the heights and widths at which that is checked: larger than in training, and unlike each other.

    Args:
        sizes: what is to be checked.
        shape: of one input, (C, H, W).
        axes: of a batch, those that are free.
    """
    if sizes is ImageSizes.FIXED:
        return []
    height, width = shape[1:]
    added = {ImageSizes.ANY: ((1, 7), (13, 2), (height, width)), ImageSizes.STEPS: ((STEP, STEP), (0, 2 * STEP))}[sizes]
    found = [(height + more * (2 in axes), width + wider * (3 in axes)) for more, wider in added]
    return [size for size in dict.fromkeys(found) if size != (height, width)]
