from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lossbook.data.image_folder import ImageFiles, ImageFolder
from lossbook.errors import UserError

COLOURS = {"blue": (0, 0, 255), "red": (255, 0, 0)}


def paint(folder: Path, count: int, names: Sequence[str] = ("blue", "red")) -> None:
    for name in names:
        (folder / name).mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", (12 + number, 10), COLOURS.get(name, (0, 255, 0))).save(folder / name / f"{number}.png")


def test_one_folder_is_split(tmp_path: Path) -> None:
    paint(tmp_path, 20)
    (tmp_path / "blue" / "notes.txt").write_text("passed over")
    parts = ImageFolder(str(tmp_path), image_size=8).load()
    assert [len(part) for part in (parts.train, parts.val, parts.test)] == [28, 6, 6]
    assert parts.schema.class_names == ("blue", "red")
    assert parts.schema.class_counts == (14, 14)
    assert parts.schema.input_shape == (3, 8, 8)
    used = [path for part in (parts.train, parts.val, parts.test) for path in part.paths]
    assert len(set(used)) == 40
    for sample in (parts.train[index] for index in range(28)):
        assert sample["input"].dtype == torch.uint8
        assert sample["input"].shape == (3, 8, 8)
        assert sample["input"][:, 4, 4].tolist() == list(COLOURS[parts.schema.class_names[sample["target"]]])


def test_given_parts_are_kept_and_validation_is_taken_from_training_where_missing(tmp_path: Path) -> None:
    paint(tmp_path / "train", 20)
    paint(tmp_path / "test", 3)
    parts = ImageFolder(str(tmp_path)).load()
    assert [len(part) for part in (parts.train, parts.val, parts.test)] == [34, 6, 6]
    assert all("test" in str(path) for path in parts.test.paths)
    paint(tmp_path / "val", 2)
    parts = ImageFolder(str(tmp_path)).load()
    assert [len(part) for part in (parts.train, parts.val, parts.test)] == [40, 4, 6]
    assert set(parts.train.targets[:10].tolist()) == {0, 1}  # mixed, so that data.limit keeps both


def test_the_largest_centred_square_is_taken(tmp_path: Path) -> None:
    image = Image.new("RGB", (30, 10), (255, 0, 0))
    image.paste((0, 0, 255), (10, 0, 20, 10))
    image.save(tmp_path / "wide.png")
    sample = ImageFiles([tmp_path / "wide.png"], torch.tensor([0]), 5)[0]
    assert sample["input"].float().mean((1, 2)).tolist() == [0, 0, 255]


@pytest.mark.parametrize("name", ["grey.png", "grey.tif", "grey.pgm"])
def test_greys_of_16_bits_become_8(tmp_path: Path, name: str) -> None:
    levels = np.array([[0, 255, 256], [1000, 32768, 40000], [65279, 65280, 65535]])
    Image.fromarray(levels.astype(np.uint16)).save(tmp_path / name)
    sample = ImageFiles([tmp_path / name], torch.tensor([0]), 3)[0]
    expected = np.floor(levels / 256)  # the higher of the two bytes
    for channel in sample["input"]:
        np.testing.assert_array_equal(channel, expected)


@pytest.mark.parametrize("kind", [np.int32, np.float32])
def test_pixels_of_32_bits_are_refused_by_name(tmp_path: Path, kind: type) -> None:
    Image.fromarray(np.full((4, 4), 300, kind)).save(tmp_path / "depth.tif")
    with pytest.raises(UserError, match=r"depth.tif has pixels of 32 bits"):
        ImageFiles([tmp_path / "depth.tif"], torch.tensor([0]), 3)[0]


def test_bad_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a folder"):
        ImageFolder(str(tmp_path / "nowhere")).load()
    with pytest.raises(UserError, match="has 0 class folders"):
        ImageFolder(str(tmp_path)).load()
    paint(tmp_path, 4, ["blue"])
    with pytest.raises(UserError, match="has 1 class folder\n"):
        ImageFolder(str(tmp_path)).load()
    (tmp_path / "red").mkdir()
    with pytest.raises(UserError, match="red holds no image"):
        ImageFolder(str(tmp_path)).load()
    with pytest.raises(UserError, match=r"data.image_size=0"):
        ImageFolder(str(tmp_path), image_size=0).load()


def test_bad_parts_are_refused(tmp_path: Path) -> None:
    paint(tmp_path / "train", 4)
    with pytest.raises(UserError, match="has train but no test"):
        ImageFolder(str(tmp_path)).load()
    paint(tmp_path / "test", 4, ["blue", "red", "green"])
    with pytest.raises(UserError, match="test has other classes than train: green"):
        ImageFolder(str(tmp_path)).load()


def test_a_broken_image_is_named(tmp_path: Path) -> None:
    (tmp_path / "torn.png").write_bytes(b"no image")
    with pytest.raises(UserError, match=r"torn.png cannot be read as an image"):
        ImageFiles([tmp_path / "torn.png"], torch.tensor([0]), 5)[0]
