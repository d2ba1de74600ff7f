from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from lossbook.data.images.format import ImageFormat, as_size
from lossbook.errors import UserError


def brought(levels: np.ndarray, **options: Any) -> np.ndarray:
    form = ImageFormat(**options)
    return form.pixels(*form.cropped(Image.fromarray(levels)))


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def test_crop_takes_the_largest_centred_part_of_the_right_shape() -> None:
    levels = noise(8, 20, 3)
    np.testing.assert_array_equal(brought(levels, size=(8, 4)), levels[:, 8:12].transpose(2, 0, 1))
    np.testing.assert_array_equal(brought(levels, size=(2, 20)), levels[3:5].transpose(2, 0, 1))
    np.testing.assert_array_equal(brought(levels, size=(8, 8)), levels[:, 6:14].transpose(2, 0, 1))


def test_pad_keeps_the_whole_and_adds_black() -> None:
    levels = np.full((8, 16, 3), 200, np.uint8)
    expected = np.zeros((3, 16, 16), np.uint8)
    expected[:, 4:12] = 200
    np.testing.assert_array_equal(brought(levels, size=(16, 16), resize="pad"), expected)
    smaller = brought(levels, size=(8, 8), resize="pad")
    assert smaller[0, :, 0].tolist() == [0, 0, 200, 200, 200, 200, 0, 0]
    assert brought(levels, size=(20, 40), resize="pad").min() == 200  # scaled up


def test_squash_scales_height_and_width_by_themselves() -> None:
    levels = np.repeat(np.repeat(noise(2, 3, 3), 4, 0), 2, 1)  # 8 x 6
    found = brought(levels, size=(4, 12), resize="squash")
    assert found.shape == (3, 4, 12)
    expected = np.asarray(Image.fromarray(levels).resize((12, 4), Image.Resampling.BILINEAR)).transpose(2, 0, 1)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("resize", ["crop", "pad", "squash"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (7, 5)])
@pytest.mark.parametrize("size", [(1, 1), (5, 9), (64, 3)])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_shape_becomes_the_size(
    resize: str, shape: tuple[int, int], size: tuple[int, int], channels: int
) -> None:
    found = brought(np.full((*shape, 3), 90, np.uint8), size=size, resize=resize, channels=channels)
    assert found.shape == (channels, *size)
    assert found.dtype == np.uint8
    assert found.max() == 90


def test_greys_are_those_of_itu_r_601() -> None:
    levels = noise(6, 6, 3)
    grey = levels @ [0.299, 0.587, 0.114]
    np.testing.assert_allclose(brought(levels, size=(6, 6), channels=1)[0], grey, atol=1)
    np.testing.assert_array_equal(brought(levels[..., 0], size=(6, 6)), np.stack([levels[..., 0]] * 3))


@pytest.mark.parametrize(("given", "size"), [(8, (8, 8)), ([8, 9], (8, 9)), ((1, 8192), (1, 8192))])
def test_sizes(given: Any, size: tuple[int, int]) -> None:
    assert as_size(given) == size


@pytest.mark.parametrize("given", [0, -1, True, 8.0, "8", "88", None, [8], [8, 9, 10], [8, 0], [8, True], 8193, {}])
def test_bad_sizes_are_refused(given: Any) -> None:
    with pytest.raises(UserError, match=r"data.image_size=.*\n.*from 1 to 8192, or \[height,width\]"):
        as_size(given)


@pytest.mark.parametrize("resize", ["crop", "pad", "squash"])
@pytest.mark.parametrize("image", [(4000, 3000), (3000, 4000), (10_000, 400)])
def test_a_draft_has_twice_the_pixels_that_are_needed(resize: str, image: tuple[int, int]) -> None:
    form = ImageFormat(size=(60, 40), resize=resize)
    width, height = form.draft_size(*image) or image
    left, top, right, bottom = form.box(*image)
    columns, rows = form.scaled(right - left, bottom - top)
    assert width / image[0] * (right - left) >= 2 * columns - 1e-6
    assert height / image[1] * (bottom - top) >= 2 * rows - 1e-6
    assert ImageFormat(size=(60, 40), resize=resize).draft_size(90, 90) is None
