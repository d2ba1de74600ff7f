"""Augmentation that moves pixels: rotation, shift, flip and crops."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from lossbook.data.augment.change import Change, Geometric, resampled
from lossbook.data.augment.draws import chosen, replaced, require, require_probability, span, uniform

_RATIO = (3 / 4, 4 / 3)


class Affine(Geometric):
    """Rotation, scaling and translation about the centre, bilinear, with black beyond the border.

    Args:
        degrees: rotation is uniform in [-degrees, degrees].
        scale: size is uniform in [scale[0], scale[1]]; above 1 enlarges.
        translate: shift is uniform up to this fraction of the height and of the width, either way.
    """

    def __init__(self, degrees: float = 10.0, scale: Sequence[float] = (0.9, 1.1), translate: float = 0.1) -> None:
        super().__init__()
        require(degrees >= 0, f"degrees={degrees}", "Rotation goes from -degrees to degrees.", "degrees=10")
        rule = "The scale is the smallest and the largest factor, both above 0."
        self.scale = span("scale", scale, rule, (0.9, 1.1))
        require(0 <= translate < 1, f"translate={translate}", "It is a fraction of the image's side.", "translate=0.1")
        self.degrees, self.translate = float(degrees), float(translate)

    def change(self, images: Tensor) -> Change:
        height, width = images.shape[-2:]
        angle = uniform(images, -self.degrees, self.degrees) * (math.pi / 180)
        size = uniform(images, *self.scale)
        # a translation of 1 is half a side in the grid's coordinates, which run from -1 to 1
        right, down = (2 * uniform(images, -self.translate, self.translate) for _ in range(2))
        matrix = affine_matrix(angle, size, right, down, width / height)
        return resampled(images, F.affine_grid(matrix, list(images.shape), False))


def affine_matrix(angle: Tensor, size: Tensor, right: Tensor, down: Tensor, aspect: float) -> Tensor:
    """Matrices (N, 2, 3) for ``affine_grid`` that turn by ``angle`` (radians, clockwise), enlarge, and then shift.

    ``right`` and ``down`` are in the grid's coordinates (-1 to 1), ``aspect`` is width by height. The grid asks, for a
    place in the output, for its place in the input: the inverse.
    """
    cos, sin = torch.cos(angle) / size, torch.sin(angle) / size
    turn = torch.stack([torch.stack([cos, sin / aspect], 1), torch.stack([-sin * aspect, cos], 1)], 1)
    shift = torch.stack([right, down], 1).unsqueeze(2)
    return torch.cat([turn, -turn @ shift], 2)


class HorizontalFlip(Geometric):
    """Left and right change places, with probability ``p``."""

    borders = False
    keeps_values = True

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        require_probability(p)
        self.p = p

    def change(self, images: Tensor) -> Change:
        places = chosen(images, self.p)

        def flipped(planes: Tensor) -> Tensor:
            return replaced(planes, places, planes.index_select(0, places).flip(-1))

        return Change(flipped(images), flipped)


class PadCrop(Geometric):
    """A window of the image's size at a random place of the image, which has ``padding`` black pixels around it.

    Args:
        padding: a number of pixels; or, below 1, a fraction of the larger side.
    """

    keeps_values = True

    def __init__(self, padding: float = 4) -> None:
        super().__init__()
        pixels = isinstance(padding, int) and not isinstance(padding, bool) and padding >= 1
        rule = "It is a number of pixels, or a fraction of the larger side."
        require(pixels or 0 < padding < 1, f"padding={padding}", rule, "padding=4")
        self.padding = padding

    def change(self, images: Tensor) -> Change:
        samples, _, height, width = images.shape
        padding = self.padding if isinstance(self.padding, int) else max(1, round(self.padding * max(height, width)))
        top, left = torch.randint(0, 2 * padding + 1, (2, samples, 1), device=images.device)
        corners = list(zip(top.flatten().tolist(), left.flatten().tolist(), strict=True))

        def window(planes: Tensor) -> Tensor:
            padded = zip(F.pad(planes, [padding] * 4), corners, strict=True)
            return torch.stack([one[:, y : y + height, x : x + width] for one, (y, x) in padded])

        return Change(window(images), window)


class ResizedCrop(Geometric):
    """A random part of the image, stretched to the image's size, bilinear.

    Source: ``torchvision.transforms.v2.RandomResizedCrop``; a part that would be wider or higher than the image is as
    wide or as high as it.

    Args:
        scale: smallest and largest area of the part, as fractions of the image's.
        ratio: smallest and largest ratio of its width to its height, in pixels.
    """

    borders = False

    def __init__(self, scale: Sequence[float] = (0.08, 1.0), ratio: Sequence[float] = _RATIO) -> None:
        super().__init__()
        self.scale = span("scale", scale, "The scale is the smallest and the largest fraction of the area.", (0.08, 1))
        require(self.scale[1] <= 1, f"scale={list(scale)}", "A part is at most the whole image.", "scale=[0.08,1]")
        self.ratio = span("ratio", ratio, "The ratio is the smallest and the largest, both above 0.", (0.75, 1.33))

    def change(self, images: Tensor) -> Change:
        width, height = box_sides(images, self.scale, self.ratio)
        # the centre of a part lies as far from the image's as the part leaves room, in the grid's coordinates
        right, down = ((1 - side) * uniform(images, -1, 1) for side in (width, height))
        none = torch.zeros_like(width)
        matrix = torch.stack([torch.stack([width, none, right], 1), torch.stack([none, height, down], 1)], 1)
        return resampled(images, F.affine_grid(matrix, list(images.shape), False), "border")


def box_sides(images: Tensor, scale: tuple[float, float], ratio: tuple[float, float]) -> tuple[Tensor, Tensor]:
    """Draw the sides (N,) of a box for each image, as fractions of its width and of its height.

    Args:
        scale: range of the box's area, as a fraction of the image's.
        ratio: range of its width to its height, in pixels; its logarithm is uniform.
    """
    height, width = images.shape[-2:]
    area = uniform(images, *scale)
    shape = uniform(images, math.log(ratio[0]), math.log(ratio[1])).exp() * (height / width)
    return (area * shape).sqrt().clamp(max=1), (area / shape).sqrt().clamp(max=1)
