"""Masks of image files, at their size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from lossbook.data.images.files import ImageFiles
from lossbook.data.images.format import ImageFormat
from lossbook.data.schema import Schema
from lossbook.prediction.masks import MasksOfFiles
from lossbook.targets.drawing import palette_image
from lossbook.targets.rows import PredictionRows

MASK = np.arange(24).reshape(4, 6) % 5


def masks(folder: Path, size: tuple[int, int], resize: str, classes: int = 5, **saved: Any) -> tuple[np.ndarray, Any]:
    """The mask of an image of this width and height, and what is said of it."""
    path = folder / saved.pop("name", "a.png")
    Image.new("RGB", size).save(path, **saved)
    files = ImageFiles([Path("another.png"), path], ImageFormat(3, MASK.shape, resize))
    made = MasksOfFiles(files, Schema("mask", (3, *MASK.shape), 1, classes=classes))
    found = made({"": PredictionRows(MASK[None], images=[palette_image(MASK)])}, [1])[""]
    assert found.values.shape == (1, 4, 6)
    (image,) = found.images
    if classes == 5:
        assert image.getpalette() == palette_image(MASK).getpalette()
    return np.asarray(image), made.note


def test_a_squashed_image(tmp_path: Path) -> None:
    found, note = masks(tmp_path, (12, 20), "squash")
    np.testing.assert_array_equal(found, MASK.repeat(5, 0).repeat(2, 1))
    assert note is None
    assert (masks(tmp_path, (6, 4), "squash")[0] == MASK).all()


def test_padding_is_cut_off(tmp_path: Path) -> None:
    found, note = masks(tmp_path, (8, 16), "pad")  # 2 x 4 of the mask
    np.testing.assert_array_equal(found, MASK[:, 2:4].repeat(4, 0).repeat(4, 1))
    assert note is None


def test_where_an_image_was_cropped_is_no_class(tmp_path: Path) -> None:
    found, note = masks(tmp_path, (18, 8), "crop")  # 12 x 8 of the image
    np.testing.assert_array_equal(found[:, 3:15], MASK.repeat(2, 0).repeat(2, 1))
    assert (found[:, :3] == 255).all()
    assert (found[:, 15:] == 255).all()
    assert note == "1 mask of images that were cropped: 255 where nothing was predicted"
    assert masks(tmp_path, (12, 8), "crop")[1] is None


@pytest.mark.parametrize("resize", ["squash", "crop"])
def test_with_more_than_255_classes_masks_have_16_bits(tmp_path: Path, resize: str) -> None:
    found, note = masks(tmp_path, (12, 12), resize, classes=256)
    assert found.dtype == np.uint16
    assert found.shape == (12, 12)
    assert found.max() == (65535 if resize == "crop" else 4)
    assert (note is None) == (resize == "squash")


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif", "a.webp"])
def test_masks_stand_as_viewers_show_the_image(tmp_path: Path, name: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    found, _ = masks(tmp_path, (12, 18), "squash", name=name, exif=exif)
    np.testing.assert_array_equal(found, MASK.repeat(3, 0).repeat(3, 1))


def test_what_is_no_file_stays(tmp_path: Path) -> None:
    made = MasksOfFiles({"input": torch.zeros(1, 3, 4, 6)}, Schema("mask", (3, 4, 6), 1, classes=5))
    rows = {"": PredictionRows(MASK[None], images=[palette_image(MASK)])}
    assert made(rows, [0]) is rows
    files = MasksOfFiles(ImageFiles([tmp_path / "no.png"], ImageFormat()), Schema("class", (3, 4, 6), 1, classes=5))
    assert files({"": PredictionRows(MASK)}, [0])[""].images == ()
