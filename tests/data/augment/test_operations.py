from __future__ import annotations

import math

import pytest
import torch
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as v2

from lossbook.data.augment.operations import NAMES, RAND, WIDE, operated

SHIFT = int(0.5 * 150 / 331 * 20)


def theirs(name: str, image: torch.Tensor, sign: int) -> torch.Tensor:
    """The operation at half its strength, as torchvision's RandAugment has it."""
    bilinear = {"interpolation": InterpolationMode.BILINEAR}
    still = {"angle": 0.0, "scale": 1.0, **bilinear}
    lean = math.degrees(math.atan(sign * 0.15))
    factor = 1 + sign * 0.45
    return {
        "identity": lambda: image,
        "shear_x": lambda: v2.affine(image, translate=[0, 0], shear=[lean, 0.0], center=[0, 0], **still),
        "shear_y": lambda: v2.affine(image, translate=[0, 0], shear=[0.0, lean], center=[0, 0], **still),
        "translate_x": lambda: v2.affine(image, translate=[sign * SHIFT, 0], shear=[0.0, 0.0], **still),
        "translate_y": lambda: v2.affine(image, translate=[0, sign * SHIFT], shear=[0.0, 0.0], **still),
        "rotate": lambda: v2.rotate(image, sign * 15.0, **bilinear),
        "brightness": lambda: v2.adjust_brightness(image, factor),
        "color": lambda: v2.adjust_saturation(image, factor),
        "contrast": lambda: v2.adjust_contrast(image, factor),
        "sharpness": lambda: v2.adjust_sharpness(image, factor),
        "posterize": lambda: v2.posterize(image, 6),
        "solarize": lambda: v2.solarize(image, 0.5),
        "autocontrast": lambda: v2.autocontrast(image),
        "equalize": lambda: v2.equalize(image),
    }[name]()


@pytest.mark.parametrize("channels", [1, 3])
def test_operations_agree_with_torchvision(channels: int) -> None:
    samples = 2 * len(NAMES)
    images = torch.rand(samples, channels, 20, 20) * 0.8 + 0.1
    operation = torch.arange(samples) % len(NAMES)
    sign = torch.ones(samples, dtype=torch.long)
    sign[len(NAMES) :] = -1
    changed = operated(images, operation, torch.full((samples,), 0.5), sign, RAND).images
    for place in range(samples):
        name = NAMES[operation[place]]
        expected = theirs(name, images[place], int(sign[place]))
        torch.testing.assert_close(changed[place], expected, atol=1e-4, rtol=1e-4, msg=f"{name} {int(sign[place])}")


def test_shear_on_oblong_images_agrees_with_torchvision() -> None:
    images = torch.rand(2, 1, 12, 30)
    changed = operated(images, torch.tensor([1, 2]), torch.full((2,), 0.5), torch.tensor([1, -1]), RAND).images
    for name, image, sign, one in zip(("shear_x", "shear_y"), images, (1, -1), changed, strict=True):
        torch.testing.assert_close(one, theirs(name, image, sign), atol=1e-4, rtol=1e-4)


def test_every_sample_has_a_strength_of_its_own() -> None:
    images = torch.full((31, 1, 4, 4), 0.5)
    brightness = torch.full((31,), NAMES.index("brightness"))
    strength = torch.arange(31) / 30
    changed = operated(images, brightness, strength, torch.ones(31), WIDE).images
    torch.testing.assert_close(changed[:, 0, 0, 0], 0.5 * (1 + 0.99 * strength))


def test_labels_follow_the_operations_that_move_pixels() -> None:
    labels = torch.ones(4, 1, 10, 10)
    operation = torch.tensor([NAMES.index(name) for name in ("translate_x", "equalize", "translate_y", "identity")])
    change = operated(labels / 2, operation, torch.ones(4), torch.ones(4), WIDE)
    moved = change.labels(labels)
    assert moved.flatten(1).mean(1).tolist() == pytest.approx([0.6, 1.0, 0.6, 1.0])
    assert torch.equal(moved[0] == 0, change.images[0] == 0)
