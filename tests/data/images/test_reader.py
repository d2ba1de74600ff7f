from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from lossbook.data.images.format import ImageFormat
from lossbook.data.images.reader import ImageReader
from lossbook.data.reader import read_reader
from lossbook.errors import UserError

COLOURS = ImageReader(3, (6, 8))
GREYS = ImageReader(1, (6, 8))


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def one(reader: ImageReader, inputs: Any) -> np.ndarray:
    found = reader.objects(inputs)
    assert found.names == ["0"]
    return found.part["input"][0].numpy()  # type: ignore[index]


def test_files_and_objects_are_read_alike(tmp_path: Path) -> None:
    levels = noise(20, 31, 3)
    path = tmp_path / "a.png"
    Image.fromarray(levels).save(path)
    for reader in (COLOURS, GREYS, ImageReader(3, (9, 5), resize="pad"), ImageReader(1, (9, 5), resize="squash")):
        found = reader.files([path], ["a.png"])
        assert found.names == ["a.png"]
        (sample,) = [found.part[row] for row in range(1)]  # type: ignore[index]
        assert sample.keys() == {"input"}
        expected = sample["input"].numpy()
        assert expected.shape == (reader.channels, *reader.size)
        tensor = torch.from_numpy(levels).permute(2, 0, 1)
        with Image.open(path) as opened:
            for given in (levels, Image.fromarray(levels), opened, tensor, [levels], tensor[None], levels[None]):
                np.testing.assert_array_equal(one(reader, given), expected)
        np.testing.assert_array_equal(one(reader, levels.astype(np.int64)), expected)
        floats = one(reader, levels / 255)
        assert floats.dtype == np.float32
        np.testing.assert_allclose(floats, expected / 255, atol=2 / 255)


def test_floats_keep_their_values_where_nothing_is_scaled() -> None:
    levels = np.arange(48).reshape(6, 8) / 47
    np.testing.assert_array_equal(one(GREYS, levels)[0], levels.astype(np.float32))
    np.testing.assert_array_equal(one(COLOURS, torch.from_numpy(levels)), np.stack([levels.astype(np.float32)] * 3))
    assert one(GREYS, torch.full((1, 6, 8), 0.5, dtype=torch.bfloat16, requires_grad=True)).max() == 0.5


def test_greys_of_16_bits_and_bits() -> None:
    levels = np.linspace(0, 65535, 48).astype(np.uint16).reshape(6, 8)
    np.testing.assert_array_equal(one(GREYS, levels)[0], levels >> 8)
    np.testing.assert_array_equal(one(GREYS, levels[..., None])[0], levels >> 8)
    np.testing.assert_array_equal(one(COLOURS, np.stack([levels] * 3, 2)), np.stack([levels >> 8] * 3))
    twelve = ImageReader(1, (6, 8), grey_bits=12)
    np.testing.assert_array_equal(one(twelve, levels >> 4)[0], levels >> 8)
    assert twelve.objects(levels).bad[0].given.startswith("input 0 has a grey of 65,535")
    assert one(GREYS, np.ones((6, 8), bool)).tolist() == np.full((1, 6, 8), 255).tolist()


def test_transparency_is_on_white_and_exif_is_applied() -> None:
    clear = np.zeros((6, 8, 4), np.uint8)
    assert one(COLOURS, clear).min() == 255
    assert one(COLOURS, clear / 255).min() == 1
    assert one(GREYS, Image.fromarray(clear)).min() == 255
    exif, stream = Image.Exif(), io.BytesIO()
    exif[0x0112] = 6
    levels = noise(8, 6, 3)
    Image.fromarray(levels).save(stream, "PNG", exif=exif)
    np.testing.assert_array_equal(one(COLOURS, Image.open(stream)), np.rot90(levels, -1).transpose(2, 0, 1))


def test_bytes_and_floats_together_become_floats() -> None:
    found = GREYS.objects([np.full((6, 8), 255, np.uint8), np.full((6, 8), 0.25)]).part["input"]  # type: ignore[index]
    assert found.dtype == torch.float32
    assert found[:, 0, 0, 0].tolist() == [1, 0.25]


def test_bad_images_are_listed_and_the_others_read(tmp_path: Path) -> None:
    (tmp_path / "torn.png").write_bytes(b"")
    Image.fromarray(noise(90, 90)).save(tmp_path / "cut.png")
    data = (tmp_path / "cut.png").read_bytes()
    bad = [
        np.full((6, 8), 2.0),
        np.full((6, 8), -1),
        np.full((6, 8), np.nan),
        np.full((6, 8), 256),
        np.zeros((6, 8, 2), np.uint8),
        np.zeros((0, 8), np.uint8),
        np.zeros((6, 8), complex),
        np.zeros(6, np.uint8),
        torch.zeros(2, 2, 2, 2),
        Image.new("F", (3, 3)),
        Image.open(io.BytesIO(data[:4000])),
    ]
    found = GREYS.objects([np.zeros((6, 8)), *bad, np.ones((6, 8))])
    assert found.names == ["0", str(len(bad) + 1)]
    assert found.part["input"].amax((1, 2, 3)).tolist() == [0, 1]  # type: ignore[index]
    assert [problem.given.split(" has ")[0].split(" cannot ")[0] for problem in found.bad] == [
        f"input {place}" for place in range(1, len(bad) + 1)
    ]
    assert GREYS.objects([np.full((6, 8), 2.0)]).part["input"].shape == (0, 1, 6, 8)  # type: ignore[index]


@pytest.mark.parametrize(
    "inputs", ["photo.png", 1, None, ["photo.png"], [[0.5]], {"a": 1}, np.zeros(5), np.zeros((8, 8, 8)), iter(())]
)
def test_what_is_no_image_is_refused(inputs: Any) -> None:
    with pytest.raises(UserError, match="input"):
        GREYS.objects(inputs)


def test_no_images_are_none() -> None:
    assert GREYS.objects([]).names == []
    assert len(GREYS.objects(np.zeros((0, 6, 8, 1))).part["input"]) == 0  # type: ignore[arg-type, index]


def test_broken_files_are_named_when_they_are_read(tmp_path: Path) -> None:
    (tmp_path / "torn.png").write_bytes(b"torn")
    part = COLOURS.files([tmp_path / "torn.png"], ["torn.png"]).part
    with pytest.raises(UserError, match=r"torn.png cannot be read as an image"):
        part[0]  # type: ignore[index]


def test_a_checkpoint_keeps_it_and_earlier_ones_crop() -> None:
    reader = ImageReader.of(ImageFormat(1, (6, 8), "pad", 12))
    assert read_reader(reader.state()) == reader
    assert read_reader({"kind": "image", "channels": 3, "size": (6, 8), "grey_bits": 16}) == COLOURS
