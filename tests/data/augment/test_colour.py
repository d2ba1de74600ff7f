from __future__ import annotations

import pytest
import torch
from torchvision.transforms import functional
from torchvision.transforms.v2 import functional as v2

from lossbook.data.augment import BrightnessContrast, ColorJitter, GaussianBlur, Grayscale
from lossbook.data.augment.colour import blurred, with_hue


def test_brightness_and_contrast_agree_with_torchvision() -> None:
    images = torch.rand(20, 1, 6, 6)
    module = BrightnessContrast(0.5, 0.5)
    torch.manual_seed(1)
    brightness, contrast = torch.empty(20).uniform_(0.5, 1.5), torch.empty(20).uniform_(0.5, 1.5)
    torch.manual_seed(1)
    for image, changed, b, c in zip(images, module(images), brightness, contrast, strict=True):
        expected = functional.adjust_contrast(functional.adjust_brightness(image, float(b)), float(c))
        torch.testing.assert_close(changed, expected, atol=1e-5, rtol=1e-5)


def test_hue_agrees_with_torchvision() -> None:
    images = torch.rand(30, 3, 7, 5)
    images[0] = 0.3  # grey has no hue
    images[1, 2] = images[1, 0]
    shift = torch.linspace(-0.5, 0.5, 30)
    expected = torch.stack([v2.adjust_hue(image, float(by)) for image, by in zip(images, shift, strict=True)])
    torch.testing.assert_close(with_hue(images, shift), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_jitter_agrees_with_torchvision(channels: int) -> None:
    images = torch.rand(20, channels, 6, 7)
    torch.manual_seed(1)
    torch.rand(20)
    factors = [torch.empty(20).uniform_(1 - x, 1 + x) for x in (0.4, 0.5, 0.6)[: 2 if channels == 1 else 3]]
    hue = torch.empty(20).uniform_(-0.2, 0.2)
    torch.manual_seed(1)
    changed = ColorJitter(0.4, 0.5, 0.6, 0.2)(images)
    for place, image in enumerate(images):
        adjust = (v2.adjust_brightness, v2.adjust_contrast, v2.adjust_saturation)
        for function, factor in zip(adjust, factors, strict=False):
            image = function(image, float(factor[place]))
        image = v2.adjust_hue(image, float(hue[place])) if channels == 3 else image
        torch.testing.assert_close(changed[place], image, atol=1e-5, rtol=1e-5)


def test_jitter_leaves_some_alone() -> None:
    images = torch.rand(1000, 3, 2, 2)
    same = (ColorJitter(p=0.8)(images) == images).flatten(1).all(1)
    assert 0.15 < same.float().mean() < 0.25


def test_grey_images_have_equal_channels() -> None:
    images = torch.rand(1000, 3, 2, 2)
    changed = Grayscale(0.2)(images)
    grey = (changed[:, 0] == changed[:, 1]).flatten(1).all(1)
    assert 0.15 < grey.float().mean() < 0.25
    torch.testing.assert_close(changed[grey], v2.rgb_to_grayscale(images[grey], 3))
    assert torch.equal(changed[~grey], images[~grey])
    single = torch.rand(4, 1, 2, 2)
    assert torch.equal(Grayscale(1.0)(single), single)


def test_blur_agrees_with_torchvision_away_from_the_border() -> None:
    images = torch.rand(3, 2, 30, 24)
    sigma = torch.tensor([0.4, 1.0, 1.7])
    for place, one in enumerate(blurred(images, sigma)):
        expected = v2.gaussian_blur(images[place], [17, 17], [float(sigma[place])] * 2)
        torch.testing.assert_close(one[:, 8:-8, 8:-8], expected[:, 8:-8, 8:-8], atol=1e-4, rtol=1e-4)
    flat = torch.full((3, 1, 5, 4), 0.7)
    torch.testing.assert_close(blurred(flat, sigma), flat)
    assert GaussianBlur(p=0.0)(images).equal(images)
