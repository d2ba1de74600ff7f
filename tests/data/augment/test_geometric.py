from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torchvision.transforms import functional

from lossbook.data import augment
from lossbook.errors import UserError

EVERY = [
    augment.Affine(),
    augment.HorizontalFlip(),
    augment.PadCrop(2),
    augment.PadCrop(0.2),
    augment.ResizedCrop(),
    augment.Erasing(1.0),
    augment.ColorJitter(),
    augment.GaussianBlur((0.1, 0.2), 1.0),
    augment.RandAugment(),
    augment.TrivialAugment(),
    augment.GaussianNoise(),
    augment.BrightnessContrast(),
]


@pytest.mark.parametrize("module", EVERY, ids=lambda module: type(module).__name__)
@pytest.mark.parametrize("shape", [(64, 1, 8, 8), (64, 3, 6, 10)])
def test_every_sample_is_changed_on_its_own_and_repeatably(module: nn.Module, shape: tuple[int, ...]) -> None:
    images = torch.rand(1, *shape[1:]).repeat(shape[0], 1, 1, 1)
    original = images.clone()
    torch.manual_seed(0)
    first = module(images)
    assert first.shape == images.shape
    assert first.dtype == images.dtype
    assert torch.equal(images, original)
    kinds = len({image.numpy().tobytes() for image in first})
    assert kinds == (2 if isinstance(module, augment.HorizontalFlip) else kinds)
    assert kinds >= (2 if isinstance(module, augment.HorizontalFlip) else 15)
    torch.manual_seed(0)
    assert torch.equal(module(images), first)


def test_affine_that_does_nothing_returns_the_image() -> None:
    images = torch.rand(4, 2, 5, 9)
    torch.testing.assert_close(augment.Affine(0, (1, 1), 0)(images), images, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("angle", "size", "right", "down"), [(30, 1.0, 0, 0), (-20, 1.3, 2, -1), (0, 0.7, 0, 3)])
def test_affine_matrix_agrees_with_torchvision(angle: float, size: float, right: int, down: int) -> None:
    images = torch.rand(1, 1, 12, 20)
    matrix = augment.affine_matrix(
        torch.tensor([angle * math.pi / 180]),
        torch.tensor([size]),
        torch.tensor([2 * right / 20]),
        torch.tensor([2 * down / 12]),
        20 / 12,
    )
    grid = torch.nn.functional.affine_grid(matrix, [1, 1, 12, 20], False)
    ours = torch.nn.functional.grid_sample(images, grid, align_corners=False)
    theirs = functional.affine(
        images, angle, [right, down], size, [0.0], interpolation=functional.InterpolationMode.BILINEAR
    )
    inner = (slice(None), slice(None), slice(3, -3), slice(3, -3))  # they fill the border in another way
    torch.testing.assert_close(ours[inner], theirs[inner], atol=1e-4, rtol=1e-4)


def test_affine_stays_within_its_ranges() -> None:
    """The centre of mass of a dot moves by the translation alone, up to a quarter of the side."""
    images = torch.zeros(500, 1, 33, 33)
    images[:, :, 15:18, 15:18] = 1
    moved = augment.Affine(90, (0.9, 1.1), 0.25)(images)
    place = torch.arange(33.0)
    for axis in (2, 3):
        mass = moved.sum(axis).squeeze(1)
        shift = (mass * place).sum(1) / mass.sum(1) - 16
        assert shift.abs().max() <= 0.25 * 33 + 0.1
        assert shift.abs().max() > 0.22 * 33


def test_flip_mirrors_about_half_of_the_images() -> None:
    images = torch.rand(1000, 1, 2, 3)
    flipped = augment.HorizontalFlip(0.3)(images)
    mirrored = (flipped == images.flip(-1)).flatten(1).all(1)
    assert bool((mirrored | (flipped == images).flatten(1).all(1)).all())
    assert 0.25 < mirrored.float().mean() < 0.35


def test_crop_takes_a_window_of_the_padded_image() -> None:
    image = torch.rand(2, 5, 7)
    padded = torch.nn.functional.pad(image, [1] * 4)
    windows = {padded[:, y : y + 5, x : x + 7].contiguous().numpy().tobytes() for y in range(3) for x in range(3)}
    assert {crop.numpy().tobytes() for crop in augment.PadCrop(1)(image.repeat(300, 1, 1, 1))} == windows


def test_a_fraction_pads_by_pixels_of_the_larger_side() -> None:
    image = torch.rand(1, 4, 16)
    torch.manual_seed(0)
    expected = augment.PadCrop(2)(image.repeat(50, 1, 1, 1))
    torch.manual_seed(0)
    assert torch.equal(augment.PadCrop(0.125)(image.repeat(50, 1, 1, 1)), expected)


def test_a_resized_crop_of_everything_is_the_image() -> None:
    images = torch.rand(5, 3, 6, 9)
    torch.testing.assert_close(augment.ResizedCrop((1, 1), (1.5, 1.5))(images), images, atol=1e-5, rtol=1e-5)


def test_a_resized_crop_shows_a_part_of_its_area_within_the_image() -> None:
    ramp = torch.arange(64.0).expand(64, 64)
    images = torch.stack([ramp, ramp.T]).repeat(2000, 1, 1, 1)
    crops = augment.ResizedCrop((0.25, 0.5), (0.5, 2))(images)
    assert crops.min() >= 0
    assert crops.max() <= 63
    width, height = ((crops[:, c].amax((1, 2)) - crops[:, c].amin((1, 2))) / 63 for c in (0, 1))
    assert (width * height).min() > 0.25 * 0.9
    assert (width * height).max() < 0.5 * 1.02
    assert (width / height).max() < 2.1
    assert crops[:, 0].amin((1, 2)).min() < 1  # reaches both ends
    assert crops[:, 0].amax((1, 2)).max() > 62


def test_labels_follow_their_images() -> None:
    """Each label is drawn as an image of its own number: what an image shows after a move is its label."""
    labels = torch.randint(1, 6, (200, 1, 12, 18)).float()
    images = labels.expand(-1, 3, -1, -1) / 8
    modules = [augment.HorizontalFlip(), augment.PadCrop(3), augment.Affine(30, (0.7, 1.4), 0.3), augment.ResizedCrop()]
    for module in modules:
        change = module.change(images)
        moved = change.labels(labels)
        assert set(moved.unique().tolist()) <= {0, 1, 2, 3, 4, 5}
        assert bool((moved == 0).any()) == module.borders, module
        near = (change.images[:, :1] * 8 - moved).abs()
        # bilinear images blend neighbours; where they do not, both agree
        assert (near < 0.5).float().mean() > (0.999 if type(module).__name__ in ("HorizontalFlip", "PadCrop") else 0.4)
    flat = torch.full((50, 1, 12, 18), 3.0)
    change = augment.Affine(30, (0.7, 1.4), 0.3).change(flat.expand(-1, 3, -1, -1) / 8)
    inner = (change.images[:, :1] * 8 - 3).abs() < 1e-3
    assert bool((change.labels(flat)[inner] == 3).all())


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        (augment.Affine, {"degrees": -1}),
        (augment.Affine, {"scale": [1.2, 0.8]}),
        (augment.Affine, {"scale": [0, 1]}),
        (augment.Affine, {"translate": 1.0}),
        (augment.HorizontalFlip, {"p": 1.5}),
        (augment.PadCrop, {"padding": 0}),
        (augment.PadCrop, {"padding": 1.5}),
        (augment.ResizedCrop, {"scale": [0.5, 2]}),
        (augment.ResizedCrop, {"ratio": [2, 1]}),
        (augment.Erasing, {"p": -1}),
        (augment.Erasing, {"scale": [0, 1]}),
        (augment.ColorJitter, {"hue": 0.6}),
        (augment.ColorJitter, {"contrast": -1}),
        (augment.GaussianBlur, {"sigma": [0, 1]}),
        (augment.Grayscale, {"p": 2}),
        (augment.RandAugment, {"n": 0}),
        (augment.RandAugment, {"magnitude": 31}),
        (augment.GaussianNoise, {"std": 0}),
        (augment.BrightnessContrast, {"contrast": 2}),
    ],
)
def test_senseless_arguments_are_refused(module: type[nn.Module], arguments: dict[str, object]) -> None:
    with pytest.raises(UserError, match=rf"data.augment: {next(iter(arguments))}="):
        module(**arguments)
