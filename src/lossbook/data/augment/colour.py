"""Augmentation of brightness, contrast and colour, and blur: pixels stay where they are."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torchvision.transforms.v2 import functional as v2

from lossbook.data.augment.draws import chosen, replaced, require, require_probability, span, uniform

_LEAST = -25.0  # logarithm of a blur's weights: what is less changes nothing, but takes processors long


class BrightnessContrast(nn.Module):
    """Brightness, then contrast about the sample's mean, each by a factor in [1 - x, 1 + x]; result cut to [0, 1].

    Source: ``torchvision.transforms.functional.adjust_brightness`` and ``adjust_contrast`` (there the mean is that of
    the grey image).
    """

    geometric = False

    def __init__(self, brightness: float = 0.2, contrast: float = 0.2) -> None:
        super().__init__()
        for name, value in (("brightness", brightness), ("contrast", contrast)):
            require(0 <= value <= 1, f"{name}={value}", "Factors lie within this of 1.", f"{name}=0.2")
        self.brightness, self.contrast = brightness, contrast

    def forward(self, images: Tensor) -> Tensor:
        brightness = uniform(images, 1 - self.brightness, 1 + self.brightness)
        contrast = uniform(images, 1 - self.contrast, 1 + self.contrast)[:, None, None, None]
        images = (images * brightness[:, None, None, None]).clamp(0, 1)
        mean = images.mean((1, 2, 3), keepdim=True)
        return (mean + contrast * (images - mean)).clamp(0, 1)


class ColorJitter(nn.Module):
    """Brightness, contrast, saturation and hue, in this order, with probability ``p``; images of one or three channels.

    Images of one channel have neither saturation nor hue.

    Source: ``torchvision.transforms.v2.ColorJitter``, which draws the order as well.

    Args:
        brightness, contrast, saturation: factors are uniform in [1 - x, 1 + x], and at least 0.
        hue: shift of the hue, as a fraction of the colour wheel, uniform in [-x, x]; at most 0.5.
        p: probability.
    """

    geometric = False
    channels = (1, 3)

    def __init__(
        self,
        brightness: float = 0.4,
        contrast: float = 0.4,
        saturation: float = 0.4,
        hue: float = 0.1,
        p: float = 1.0,
    ) -> None:
        super().__init__()
        for name, value in (("brightness", brightness), ("contrast", contrast), ("saturation", saturation)):
            require(value >= 0, f"{name}={value}", "Factors lie within this of 1.", f"{name}=0.4")
        require(0 <= hue <= 0.5, f"hue={hue}", "Half the colour wheel either way is all of it.", "hue=0.1")
        require_probability(p)
        self.brightness, self.contrast, self.saturation, self.hue, self.p = brightness, contrast, saturation, hue, p

    def forward(self, images: Tensor) -> Tensor:
        places = chosen(images, self.p)
        some = images.index_select(0, places)
        some = blended(some, None, self._factor(some, self.brightness))
        some = blended(some, _mean(some), self._factor(some, self.contrast))
        if images.shape[1] == 3:
            some = blended(some, v2.rgb_to_grayscale(some), self._factor(some, self.saturation))
            some = with_hue(some, uniform(some, -self.hue, self.hue)) if self.hue else some
        return replaced(images, places, some)

    @staticmethod
    def _factor(images: Tensor, amount: float) -> Tensor:
        return uniform(images, max(0.0, 1 - amount), 1 + amount)


class Grayscale(nn.Module):
    """Colour images become grey, with probability ``p``; those of one channel stay as they are."""

    geometric = False
    channels = (1, 3)

    def __init__(self, p: float = 0.1) -> None:
        super().__init__()
        require_probability(p)
        self.p = p

    def forward(self, images: Tensor) -> Tensor:
        places = chosen(images, self.p)
        if images.shape[1] != 3:
            return images
        return replaced(images, places, v2.rgb_to_grayscale(images.index_select(0, places), num_output_channels=3))


class GaussianBlur(nn.Module):
    """A blur of random width, with probability ``p``.

    Args:
        sigma: smallest and largest standard deviation, as fractions of the larger side (Chen et al. 2020: 0.1 to 2 of
            224 pixels).
        p: probability.
    """

    geometric = False

    def __init__(self, sigma: Sequence[float] = (0.0005, 0.009), p: float = 0.5) -> None:
        super().__init__()
        rule = "They are the smallest and the largest fraction of the larger side, both above 0."
        self.sigma = span("sigma", sigma, rule, (0.0005, 0.009))
        require_probability(p)
        self.p = p

    def forward(self, images: Tensor) -> Tensor:
        places = chosen(images, self.p)
        some = images.index_select(0, places)
        sigma = uniform(some, *self.sigma) * max(images.shape[-2:])
        return replaced(images, places, blurred(some, sigma))


def blended(images: Tensor, other: Tensor | None, factor: Tensor) -> Tensor:
    """Return ``factor * images + (1 - factor) * other``, cut to [0, 1], with a factor (N,) for each; no other is 0."""
    factor = factor.to(images.dtype)[:, None, None, None]
    mixed = images * factor
    return (mixed if other is None else mixed.add_((1 - factor) * other)).clamp_(0, 1)


def _mean(images: Tensor) -> Tensor:
    """The mean brightness of each image, (N, 1, 1, 1)."""
    grey = v2.rgb_to_grayscale(images) if images.shape[1] == 3 else images
    return grey.mean((1, 2, 3), keepdim=True)


def with_hue(images: Tensor, shift: Tensor) -> Tensor:
    """Turn the hue of images (N, 3, H, W) by a fraction (N,) of the colour wheel.

    Source: ``torchvision.transforms.v2.functional.adjust_hue``, which takes one shift for all.
    """
    red, green, blue = images.unbind(1)
    most, least = images.amax(1), images.amin(1)
    spread = most - least
    safe = torch.where(spread > 0, spread, 1.0)
    sixth = torch.where(most == green, 2 + (blue - red) / safe, 4 + (red - green) / safe)
    sixth = torch.where(most == red, (green - blue) / safe, sixth) + 6 * shift.to(images.dtype)[:, None, None]
    # a channel falls from the largest value to the smallest with its distance from its own sixth of the wheel
    turned = [sixth + offset for offset in (5, 3, 1)]
    parts = [turn.sub_((turn / 6).floor_(), alpha=6) for turn in turned]  # remainders, which are slow
    return torch.stack([most - spread * torch.minimum(part, 4 - part).clamp_(0, 1) for part in parts], 1)


def blurred(images: Tensor, sigma: Tensor) -> Tensor:
    """Blur images by a Gaussian of standard deviation (N,) in pixels; at the border only what is there counts."""
    for _ in range(2):  # along the last dimension, which then changes places with the one before
        samples, channels, height, width = images.shape
        rows = images.reshape(samples, channels * height, width) @ _gaussian(images, width, sigma).transpose(1, 2)
        images = rows.view(images.shape).transpose(2, 3)
    return images.contiguous()


def _gaussian(images: Tensor, side: int, sigma: Tensor) -> Tensor:
    """Matrices (N, side, side) whose rows are the weights of the pixels around each."""
    place = torch.arange(side, device=images.device, dtype=images.dtype)
    exponent = (place[:, None] - place) ** 2 * (-0.5 / sigma.to(images.dtype) ** 2)[:, None, None]
    weights = exponent.clamp_(min=_LEAST).exp_()
    return weights / weights.sum(2, keepdim=True)
