"""The operations of RandAugment and TrivialAugment on a batch: each at once on all samples that drew it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.transforms.v2 import functional as v2

from lossbook.data.augment.change import Change, resampled
from lossbook.data.augment.colour import blended
from lossbook.data.augment.draws import replaced

_MOVING = ("shear_x", "shear_y", "translate_x", "translate_y", "rotate")
NAMES = (
    "identity", *_MOVING, "brightness", "color", "contrast", "sharpness", "posterize", "solarize", "autocontrast",
    "equalize",
)  # fmt: skip


@dataclass(frozen=True)
class Strengths:
    """What the operations do at most.

    Args:
        shear: pixels aside for each pixel down.
        translate: a shift, as a fraction of a side.
        pixels: the same, but at most so many pixels.
        rotate: degrees.
        enhance: brightness, color, contrast and sharpness are multiplied by factors within this of 1.
        bits: of the eight of a pixel that posterize drops.
    """

    shear: float
    translate: float
    pixels: float
    rotate: float
    enhance: float
    bits: int


RAND = Strengths(0.3, 150 / 331, math.inf, 30, 0.9, 4)
WIDE = Strengths(0.99, 150 / 331, 32, 135, 0.99, 6)


def operated(images: Tensor, operation: Tensor, strength: Tensor, sign: Tensor, strongest: Strengths) -> Change:
    """Apply to each image an operation of its own.

    Args:
        images: (N, C, H, W) of one or three channels.
        operation: (N,) places in ``NAMES``.
        strength: (N,) from 0, none, to 1.
        sign: (N,) of 1 and -1, for operations that have a direction.
        strongest: what strength 1 is.
    """
    results = images.clone()
    of_each = [(operation == number).nonzero().squeeze(1) for number in range(len(NAMES))]
    for name, places in zip(NAMES, of_each, strict=True):
        if name in _APPEARANCE and len(places):
            some, signed = images.index_select(0, places), (strength * sign)[places]
            results[places] = _APPEARANCE[name](some, signed, strongest)
    moving = torch.cat([places for name, places in zip(NAMES, of_each, strict=True) if name in _MOVING])
    if not len(moving):
        return Change(results, lambda planes: planes)
    matrix = _matrices(images, operation[moving], (strength * sign)[moving], strongest)
    some = images[moving]
    moved = resampled(some, F.affine_grid(matrix, list(some.shape), False))
    results[moving] = moved.images
    return Change(results, lambda planes: replaced(planes, moving, moved.labels(planes[moving])))


def _matrices(images: Tensor, operation: Tensor, signed: Tensor, strongest: Strengths) -> Tensor:
    """Return the matrix (n, 2, 3) of ``affine_grid`` for each sample that is moved, as torchvision has them.

    A shear leaves the upper or the left border where it is.
    """
    height, width = images.shape[-2:]
    shear, angle = signed * strongest.shear, signed * (strongest.rotate * math.pi / 180)
    # torchvision shifts by whole pixels
    across, down = ((signed * min(strongest.translate * side, strongest.pixels)).trunc() for side in (width, height))
    one, none = torch.ones_like(signed), torch.zeros_like(signed)
    cos, sin = angle.cos(), angle.sin()
    rows = {
        "shear_x": (one, shear * (height / width), shear * (height / width), none, one, none),
        "shear_y": (one, none, none, shear * (width / height), one, shear * (width / height)),
        "translate_x": (one, none, -2 * across / width, none, one, none),
        "translate_y": (one, none, none, none, one, -2 * down / height),
        "rotate": (cos, -sin * (height / width), none, sin * (width / height), cos, none),
    }
    result = torch.zeros(len(signed), 6, dtype=images.dtype, device=images.device)
    for name, entries in rows.items():
        its = (operation == NAMES.index(name))[:, None]
        result = torch.where(its, torch.stack(entries, 1).to(images.dtype), result)
    return result.view(-1, 2, 3)


def _brightness(images: Tensor, signed: Tensor, strongest: Strengths) -> Tensor:
    return blended(images, None, 1 + signed * strongest.enhance)


def _color(images: Tensor, signed: Tensor, strongest: Strengths) -> Tensor:
    if images.shape[1] == 1:
        return images
    return blended(images, v2.rgb_to_grayscale(images), 1 + signed * strongest.enhance)


def _contrast(images: Tensor, signed: Tensor, strongest: Strengths) -> Tensor:
    return blended(images, v2.adjust_contrast(images, 0.0), 1 + signed * strongest.enhance)


def _sharpness(images: Tensor, signed: Tensor, strongest: Strengths) -> Tensor:
    return blended(images, v2.adjust_sharpness(images, 0.0), 1 + signed * strongest.enhance)


def _posterize(images: Tensor, signed: Tensor, strongest: Strengths) -> Tensor:
    levels = 2.0 ** (8 - (signed.abs() * strongest.bits).round())[:, None, None, None].to(images.dtype)
    return (images * levels).floor().clamp(max=levels - 1) / levels


def _solarize(images: Tensor, signed: Tensor, strongest: Strengths) -> Tensor:
    threshold = (1 - signed.abs()).to(images.dtype)[:, None, None, None]
    return torch.where(images >= threshold, 1 - images, images)


def _autocontrast(images: Tensor, signed: Tensor, strongest: Strengths) -> Tensor:
    return v2.autocontrast(images)


def _equalize(images: Tensor, signed: Tensor, strongest: Strengths) -> Tensor:
    return v2.equalize(images)


_APPEARANCE: dict[str, Callable[[Tensor, Tensor, Strengths], Tensor]] = {
    "brightness": _brightness,
    "color": _color,
    "contrast": _contrast,
    "sharpness": _sharpness,
    "posterize": _posterize,
    "solarize": _solarize,
    "autocontrast": _autocontrast,
    "equalize": _equalize,
}
