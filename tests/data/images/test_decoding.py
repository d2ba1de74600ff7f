from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps, PngImagePlugin
from sklearn.datasets import load_sample_image

from lossbook.data.images import decoding as image_decoding
from lossbook.data.images.files import ImageFiles
from lossbook.data.images.format import ImageFormat
from lossbook.errors import UserError

BLACK, WHITE = [0, 0, 0], [255, 255, 255]


def pixels(path: Path, size: int, **options: Any) -> np.ndarray:
    """The image as (size, size, 3)."""
    image = ImageFiles([path], ImageFormat(size=(size, size), **options))[0]["input"]
    assert image.dtype == torch.uint8
    return image.permute(1, 2, 0).numpy()


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def test_the_largest_centred_square_is_taken(tmp_path: Path) -> None:
    image = Image.new("RGB", (30, 10), (255, 0, 0))
    image.paste((0, 0, 255), (10, 0, 20, 10))
    image.save(tmp_path / "wide.png")
    assert pixels(tmp_path / "wide.png", 5).reshape(-1, 3).mean(0).tolist() == [0, 0, 255]


@pytest.mark.parametrize("name", ["plain.png", "plain.bmp", "plain.tif", "plain.ppm"])
def test_ordinary_pixels_are_as_they_lie(tmp_path: Path, name: str) -> None:
    levels = noise(9, 9, 3)
    Image.fromarray(levels).save(tmp_path / name)
    np.testing.assert_array_equal(pixels(tmp_path / name, 9), levels)


@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize("name", ["photo.png", "photo.jpg", "photo.webp", "photo.tif"])
def test_exif_orientation(tmp_path: Path, orientation: int, name: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    levels = np.kron(noise(2, 3, 3), np.ones((8, 8, 1), np.uint8))  # a wide image
    Image.fromarray(levels).save(tmp_path / name, exif=exif, **({"lossless": True} if name.endswith("webp") else {}))
    if name == "photo.png":  # by hand, of a square
        Image.fromarray(levels[:, 4:20]).save(tmp_path / name, exif=exif)
        square = levels[:, 4:20]
        turned = {2: square[:, ::-1], 3: square[::-1, ::-1], 4: square[::-1], 5: square.transpose(1, 0, 2)}
        turned |= {6: np.rot90(square, -1), 7: square[::-1, ::-1].transpose(1, 0, 2), 8: np.rot90(square)}
        np.testing.assert_array_equal(pixels(tmp_path / name, 16), turned.get(orientation, square))
    with Image.open(tmp_path / name) as file:
        seen = np.asarray(ImageOps.exif_transpose(file).convert("RGB"))
    height, width = seen.shape[:2]
    top, left = (height - 16) // 2, (width - 16) // 2
    np.testing.assert_array_equal(pixels(tmp_path / name, 16), seen[top : top + 16, left : left + 16])


def test_damaged_exif_leaves_the_image_as_it_lies(tmp_path: Path) -> None:
    levels = noise(8, 8, 3)
    Image.fromarray(levels).save(tmp_path / "photo.png", exif=b"Exif\0\0no TIFF header")
    np.testing.assert_array_equal(pixels(tmp_path / "photo.png", 8), levels)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "P alphas", "1", "L", "RGB", "I;16", "RGBA.webp"])
def test_a_black_drawing_on_a_transparent_ground_is_black_on_white(tmp_path: Path, mode: str) -> None:
    drawn = np.zeros((6, 6), bool)
    drawn[2:4] = True
    path, options = tmp_path / f"drawing.{'webp' if 'webp' in mode else 'png'}", {}
    if mode in ("RGBA", "LA", "RGBA.webp"):  # black everywhere
        image = Image.new("RGBA", (6, 6))
        image.putalpha(Image.fromarray(drawn.astype(np.uint8) * 255))
        image, options = image.convert(mode[:4].rstrip(".")), {"lossless": True} if "webp" in mode else {}
    elif mode.startswith("P"):
        image = Image.fromarray(drawn.astype(np.uint8))
        image.putpalette([9, 9, 9, 0, 0, 0])
        options = {"transparency": bytes([0, 255]) if "alphas" in mode else 0}
    elif mode == "RGB":
        image, options = (
            Image.fromarray(np.where(drawn[..., None], 0, [7, 8, 9]).astype(np.uint8)),
            {"transparency": (7, 8, 9)},
        )
    elif mode == "I;16":
        image, options = Image.fromarray(np.where(drawn, 0, 40000).astype(np.uint16)), {"transparency": 40000}
    else:
        image, options = (
            Image.fromarray(~drawn if mode == "1" else np.where(drawn, 0, 7).astype(np.uint8)),
            {"transparency": 255 if mode == "1" else 7},
        )
    image.save(path, **options)
    with Image.open(path) as file:
        assert file.has_transparency_data
    np.testing.assert_array_equal(pixels(path, 6), np.where(drawn[..., None], BLACK, WHITE))


def test_what_is_half_transparent_is_mixed_with_white(tmp_path: Path) -> None:
    Image.new("RGBA", (4, 4), (200, 100, 0, 51)).save(tmp_path / "veil.png")  # a fifth
    np.testing.assert_allclose(pixels(tmp_path / "veil.png", 4)[0, 0], [244, 224, 204], atol=1)
    levels = noise(4, 4, 4)
    levels[..., 3] = 255
    Image.fromarray(levels).save(tmp_path / "opaque.png")
    np.testing.assert_array_equal(pixels(tmp_path / "opaque.png", 4), levels[..., :3])


def test_transparent_colours_of_16_bits(tmp_path: Path) -> None:
    """A PNG of 16 bits a channel by hand, since Pillow writes none: its left half is transparent."""
    row = b"\0" + (b"\x12\x34\x56\x78\x9a\xbc" * 2) + b"\0" * 12
    chunks = [(b"IHDR", bytes([0, 0, 0, 4, 0, 0, 0, 4, 16, 2, 0, 0, 0])), (b"tRNS", b"\x12\x34\x56\x78\x9a\xbc")]
    with (tmp_path / "deep.png").open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for kind, data in [*chunks, (b"IDAT", zlib.compress(row * 4)), (b"IEND", b"")]:
            PngImagePlugin.putchunk(file, kind, data)
    found = pixels(tmp_path / "deep.png", 4)
    assert found[:, :2].min() == 255
    assert found[:, 2:].max() == 0


@pytest.mark.parametrize("name", ["grey.png", "grey.tif", "grey.pgm"])
def test_greys_of_16_bits_become_8(tmp_path: Path, name: str) -> None:
    levels = np.array([[0, 255, 256], [1000, 32768, 40000], [65279, 65280, 65535]])
    Image.fromarray(levels.astype(np.uint16)).save(tmp_path / name)
    expected = np.floor(levels / 256)  # the higher of the two bytes
    np.testing.assert_array_equal(pixels(tmp_path / name, 3), np.stack([expected] * 3, 2))


@pytest.mark.parametrize(("kind", "name"), [("<u2", "grey.tif"), (">u2", "grey.tif"), ("<u2", "grey.pgm")])
@pytest.mark.parametrize("bits", [8, 10, 12, 14])
def test_greys_of_fewer_bits_in_16(tmp_path: Path, kind: str, name: str, bits: int) -> None:
    levels = np.linspace(0, 2**bits - 1, 9).astype(kind).reshape(3, 3)
    Image.fromarray(levels).save(tmp_path / name)
    found = pixels(tmp_path / name, 3, grey_bits=bits)
    np.testing.assert_array_equal(found[..., 0], np.floor(levels / 2.0 ** (bits - 8)))
    assert found.max() == 255
    levels[1, 1] = 2**bits
    Image.fromarray(levels).save(tmp_path / name)
    with pytest.raises(UserError, match=f"{name} has a grey of {2**bits:,}\n"):
        pixels(tmp_path / name, 3, grey_bits=bits)


def test_greys_that_state_their_range_need_no_option(tmp_path: Path) -> None:
    (tmp_path / "stated.pgm").write_bytes(b"P5 2 2 4095\n" + np.array([0, 2048, 4080, 4095], ">u2").tobytes())
    for bits in (12, 16):
        found = pixels(tmp_path / "stated.pgm", 2, grey_bits=bits)[..., 0].ravel()
        np.testing.assert_allclose(found, np.array([0, 2048, 4080, 4095]) / 4095 * 255, atol=1)


def test_tiff_of_12_bits(tmp_path: Path) -> None:
    """By hand, since Pillow writes none: two rows of two values, in three bytes each."""
    strip = bytes([0x12, 0x3F, 0xFF, 0x80, 0x00, 0x10])
    tags = [(256, 2), (257, 2), (258, 12), (259, 1), (262, 1), (273, 8), (277, 1), (278, 2), (279, 6)]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    (tmp_path / "packed.tif").write_bytes(b"II*\0" + struct.pack("<I", 14) + strip + directory)
    assert pixels(tmp_path / "packed.tif", 2)[..., 0].tolist() == [[0x12, 0xFF], [0x80, 0x01]]


def test_tiff_where_white_is_zero(tmp_path: Path) -> None:
    levels = np.array([[0, 1000], [40000, 65535]], np.uint16)
    Image.fromarray(levels).save(tmp_path / "negative.tif", tiffinfo={262: 0})
    data = (tmp_path / "negative.tif").read_bytes()
    with Image.open(io.BytesIO(data)) as file:
        assert file.tag_v2[262] == 0  # type: ignore[attr-defined]
    np.testing.assert_array_equal(pixels(tmp_path / "negative.tif", 2)[..., 0], 255 - levels // 256)


@pytest.mark.parametrize("kind", [np.int32, np.float32])
def test_pixels_of_32_bits_are_refused_by_name(tmp_path: Path, kind: type) -> None:
    Image.fromarray(np.full((4, 4), 300, kind)).save(tmp_path / "depth.tif")
    with pytest.raises(UserError, match=r"depth.tif has pixels of 32 bits"):
        pixels(tmp_path / "depth.tif", 3)


def test_other_colours_become_rgb(tmp_path: Path) -> None:
    Image.new("CMYK", (4, 4), (0, 255, 255, 0)).save(tmp_path / "cmyk.tif")
    assert pixels(tmp_path / "cmyk.tif", 4)[0, 0].tolist() == [255, 0, 0]
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "cmyk.jpg", quality=100)
    np.testing.assert_allclose(pixels(tmp_path / "cmyk.jpg", 8)[0, 0], [255, 0, 0], atol=3)
    Image.fromarray(np.eye(4) > 0).save(tmp_path / "bits.png")
    np.testing.assert_array_equal(pixels(tmp_path / "bits.png", 4)[..., 1], np.eye(4) * 255)
    lab = (54.29 * 2.55, 80.81 + 128, 69.89 + 128)  # CIELAB of sRGB's red under D50
    Image.new("LAB", (4, 4), tuple(map(round, lab))).save(tmp_path / "lab.tif")
    np.testing.assert_allclose(pixels(tmp_path / "lab.tif", 4)[0, 0], [255, 0, 0], atol=6)


def test_the_first_frame_is_taken(tmp_path: Path) -> None:
    red, blue = Image.new("RGB", (4, 4), (255, 0, 0)), Image.new("RGB", (4, 4), (0, 0, 255))
    for name in ("film.gif", "film.webp", "film.png", "film.tif"):
        red.save(tmp_path / name, save_all=True, append_images=[blue])
        np.testing.assert_allclose(pixels(tmp_path / name, 4)[0, 0], [255, 0, 0], atol=3)


def test_large_images_are_read_up_to_a_limit_that_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("1", (11_000, 9_000), 1).save(tmp_path / "scan.png")  # 99 million, of which Pillow warns
    assert pixels(tmp_path / "scan.png", 2).min() == 255
    limit = Image.MAX_IMAGE_PIXELS
    monkeypatch.setattr(image_decoding, "LARGEST", 98_000_000)
    with pytest.raises(UserError, match=r"scan.png has 99,000,000 pixels"):
        pixels(tmp_path / "scan.png", 2)
    assert limit == Image.MAX_IMAGE_PIXELS


@pytest.mark.parametrize("content", [b"no image", b"\x89PNG\r\n\x1a\n", b"BM" + b"\xff" * 60, b"GIF89a", b"II*\0\xff"])
def test_a_broken_image_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "torn.png").write_bytes(content)
    with pytest.raises(UserError, match=r"torn.png cannot be read as an image"):
        pixels(tmp_path / "torn.png", 5)


@pytest.mark.parametrize(
    "error", [SyntaxError("x"), ValueError(), EOFError("x"), ZeroDivisionError("x"), MemoryError(), KeyError(5)]
)
def test_whatever_a_decoder_raises_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "fine.png")

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load_read", fail)
    with pytest.raises(UserError, match=f"fine.png cannot be read as an image\n  {type(error).__name__}"):
        pixels(tmp_path / "fine.png", 4)


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "empty.png").touch()
    for name, fault in {
        "pipe": "is not a file",
        "folder": "is not a file",
        "empty": "is empty",
        "no": "is missing",
    }.items():
        with pytest.raises(UserError, match=f"{name}.png {fault}"):
            pixels(tmp_path / f"{name}.png", 4)


def test_documents_are_not_drawn(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "page.eps")
    (tmp_path / "page.eps").rename(tmp_path / "page.png")
    with pytest.raises(UserError, match=r"page.png is of the kind EPS"):  # else Ghostscript would be run
        pixels(tmp_path / "page.png", 4)


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("resize", ["crop", "pad", "squash"])
def test_photographs_are_decoded_smaller_without_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, orientation: int, resize: str
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "photo.jpg"
    Image.fromarray(load_sample_image("china.jpg")).save(path, exif=exif, quality=95)
    form = ImageFormat(3, (64, 48), resize)
    found = image_decoding.decode(path, form).astype(int)
    monkeypatch.setattr(ImageFormat, "draft_size", lambda *_: None)
    whole = image_decoding.decode(path, form).astype(int)
    assert 0 < np.abs(found - whole).mean() < 2  # levels of 255
    assert np.abs(found - whole).max() <= 30


def test_a_quarter_of_the_size_is_decoded_where_that_is_enough(tmp_path: Path) -> None:
    Image.new("RGB", (800, 400)).save(tmp_path / "photo.jpg")
    for size, decoded in ((200, (800, 400)), (100, (400, 200)), (50, (200, 100)), (8, (100, 50))):
        with Image.open(tmp_path / "photo.jpg") as file:
            image_decoding.pixels_of(file, ImageFormat(size=(size, size)))
            assert file.size == decoded
