"""Augmentation a batch at a time, with parameters of its own for every sample.

Each module takes images (N, C, H, W) in [0, 1] (noise: inputs of any shape) and returns as many of the same shape. The
random numbers are torch's global ones of the input's device, which checkpoints save, so that a resumed run repeats
them. ``geometric`` says that pixels move: targets in the image's coordinates would no longer fit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lossbook.errors import refuse


def _uniform(images: Tensor, low: float, high: float) -> Tensor:
    return torch.empty(len(images), device=images.device, dtype=images.dtype).uniform_(low, high)


class Affine(nn.Module):
    """Rotation, scaling and translation about the centre, bilinear, with black beyond the border.

    Args:
        degrees: rotation is uniform in [-degrees, degrees].
        scale: size is uniform in [scale[0], scale[1]]; above 1 enlarges.
        translate: shift is uniform up to this fraction of the height and of the width, either way.
    """

    geometric = True

    def __init__(self, degrees: float = 10.0, scale: Sequence[float] = (0.9, 1.1), translate: float = 0.1) -> None:
        super().__init__()
        _require(degrees >= 0, f"degrees={degrees}", "Rotation goes from -degrees to degrees.", "degrees=10")
        _require(
            len(scale) == 2 and 0 < scale[0] <= scale[1],
            f"scale={list(scale)}",
            "The scale is the smallest and the largest factor, both above 0.",
            "scale=[0.9,1.1]",
        )
        _require(0 <= translate < 1, f"translate={translate}", "It is a fraction of the image's side.", "translate=0.1")
        self.degrees, self.scale, self.translate = float(degrees), (float(scale[0]), float(scale[1])), float(translate)

    def forward(self, images: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        angle = _uniform(images, -self.degrees, self.degrees) * (math.pi / 180)
        size = _uniform(images, *self.scale)
        # a translation of 1 is half a side in the grid's coordinates, which run from -1 to 1
        right, down = (2 * _uniform(images, -self.translate, self.translate) for _ in range(2))
        return F.grid_sample(
            images,
            F.affine_grid(affine_matrix(angle, size, right, down, width / height), list(images.shape), False),
            align_corners=False,
        )


def affine_matrix(angle: Tensor, size: Tensor, right: Tensor, down: Tensor, aspect: float) -> Tensor:
    """Matrices (N, 2, 3) for ``affine_grid`` that turn by ``angle`` (radians, clockwise), enlarge, and then shift.

    ``right`` and ``down`` are in the grid's coordinates (-1 to 1), ``aspect`` is width by height. The grid asks, for a
    place in the output, for its place in the input: the inverse.
    """
    cos, sin = torch.cos(angle) / size, torch.sin(angle) / size
    turn = torch.stack([torch.stack([cos, sin / aspect], 1), torch.stack([-sin * aspect, cos], 1)], 1)
    shift = torch.stack([right, down], 1).unsqueeze(2)
    return torch.cat([turn, -turn @ shift], 2)


class HorizontalFlip(nn.Module):
    """Left and right change places, with probability ``p``."""

    geometric = True

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        _require(0 <= p <= 1, f"p={p}", "A probability lies between 0 and 1.", "p=0.5")
        self.p = p

    def forward(self, images: Tensor) -> Tensor:
        flip = torch.rand(len(images), device=images.device) < self.p
        return torch.where(flip[:, None, None, None], images.flip(-1), images)


class PadCrop(nn.Module):
    """A window of the image's size at a random place of the image, which has ``padding`` black pixels around it."""

    geometric = True

    def __init__(self, padding: int = 4) -> None:
        super().__init__()
        _require(
            isinstance(padding, int) and padding >= 1, f"padding={padding}", "It is a number of pixels.", "padding=4"
        )
        self.padding = padding

    def forward(self, images: Tensor) -> Tensor:
        samples, _, height, width = images.shape
        padded = F.pad(images, [self.padding] * 4)
        top, left = torch.randint(0, 2 * self.padding + 1, (2, samples, 1), device=images.device)
        rows = (top + torch.arange(height, device=images.device))[:, None, :, None]
        columns = (left + torch.arange(width, device=images.device))[:, None, None, :]
        sample = torch.arange(samples, device=images.device)[:, None, None, None]
        channel = torch.arange(images.shape[1], device=images.device)[:, None, None]
        return padded[sample, channel, rows, columns]


class GaussianNoise(nn.Module):
    """Normal noise of standard deviation ``std`` on every value; inputs of any shape."""

    geometric = False

    def __init__(self, std: float = 0.1) -> None:
        super().__init__()
        _require(std > 0, f"std={std}", "The noise has a standard deviation above 0.", "std=0.1")
        self.std = std

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs + self.std * torch.randn_like(inputs)


class BrightnessContrast(nn.Module):
    """Brightness, then contrast about the sample's mean, each by a factor in [1 - x, 1 + x]; result cut to [0, 1].

    Source: ``torchvision.transforms.functional.adjust_brightness`` and ``adjust_contrast`` (there the mean is that of
    the grey image).
    """

    geometric = False

    def __init__(self, brightness: float = 0.2, contrast: float = 0.2) -> None:
        super().__init__()
        for name, value in (("brightness", brightness), ("contrast", contrast)):
            _require(0 <= value <= 1, f"{name}={value}", "Factors lie within this of 1.", f"{name}=0.2")
        self.brightness, self.contrast = brightness, contrast

    def forward(self, images: Tensor) -> Tensor:
        brightness = _uniform(images, 1 - self.brightness, 1 + self.brightness)
        contrast = _uniform(images, 1 - self.contrast, 1 + self.contrast)[:, None, None, None]
        images = (images * brightness[:, None, None, None]).clamp(0, 1)
        mean = images.mean((1, 2, 3), keepdim=True)
        return (mean + contrast * (images - mean)).clamp(0, 1)


class EachSample(nn.Module):
    """A transform that knows single images alone, such as torchvision's, called once a sample: slow, but independent.

    Args:
        transform: from an image (C, H, W) to one of the same shape.
        geometric: whether it moves pixels.
    """

    def __init__(self, transform: nn.Module, geometric: bool = True) -> None:
        super().__init__()
        self.transform, self.geometric = transform, geometric

    def forward(self, images: Tensor) -> Tensor:
        results = [self.transform(image) for image in images]
        for result in results:
            require_shape(self.transform, images.shape[1:], result)
        return torch.stack(results)


def require_shape(module: nn.Module, given: torch.Size, result: Tensor) -> None:
    """Refuse what came out in another shape than went in: validation, which is not augmented, would see another.

    Raises:
        UserError: names the module.
    """
    came = getattr(result, "shape", None)
    if came != given:
        raise refuse(
            f"data.augment: {type(module).__name__} made {_sides(came)} of {_sides(given)}",
            "Augmentation keeps the shape of the inputs, which validation and test see as they are.",
            "another transform, or one that goes back to this size, such as v2.RandomResizedCrop",
        )


def _sides(shape: torch.Size | None) -> str:
    return "no tensor" if shape is None else " x ".join(map(str, shape))


def _require(holds: bool, given: str, rule: str, fix: str) -> None:
    if not holds:
        raise refuse(f"data.augment: {given}", rule, fix)
