from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lossbook.data.images import decoding as image_decoding
from lossbook.data.images import scan as image_scan
from lossbook.data.images.scan import DEEP, largest_grey, scan
from lossbook.errors import UserError


def save(path: Path, **options: Any) -> Path:
    levels = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(levels).save(path, **options)
    return path


def test_the_same_content_has_the_same_digest_in_blocks_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, other = save(tmp_path / "a.png"), save(tmp_path / "b.jpg")
    (tmp_path / "c.png").write_bytes(first.read_bytes())
    paths = [first, other, tmp_path / "c.png"]
    digests = scan(paths).digests
    assert digests.dtype == np.uint64
    assert digests[0] == digests[2] != digests[1]
    monkeypatch.setattr(image_scan, "BLOCK", 1000)
    np.testing.assert_array_equal(scan(paths).digests, digests)


def test_no_pixels_are_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL.ImageFile import ImageFile

    paths = [save(tmp_path / f"a.{name}") for name in ("png", "jpg", "bmp", "gif", "tif", "ppm", "webp")]
    paths += [tmp_path / "trailer.jpg"]
    paths[-1].write_bytes(paths[1].read_bytes() + b"what a camera adds")
    monkeypatch.delattr(ImageFile, "load")
    assert not scan(paths).kinds


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.bmp", "a.gif", "a.tif", "a.ppm", "a.webp"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_files_that_were_cut_off_are_found(tmp_path: Path, name: str, share: float) -> None:
    exif = Image.Exif()
    exif[0x010F] = "a thumbnail ends like an image: \xff\xd9"
    path = save(tmp_path / name, **({"exif": exif} if name in ("a.jpg", "a.png") else {}))
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(UserError, match=f"{name} cannot be read as an image"):
        scan([path])


def test_faults_are_told_with_the_first_twenty_files_of_each_in_few_lines(tmp_path: Path) -> None:
    paths = [save(tmp_path / f"{number}.png") for number in range(30)]
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "link.png").symlink_to(tmp_path / "nowhere.png")
    Image.fromarray(np.ones((4, 4), np.float32)).save(tmp_path / "deep.tif")
    (tmp_path / "text.png").write_text("not an image")
    bad = [tmp_path / "pipe.png", tmp_path / "link.png", tmp_path / "deep.tif", tmp_path / "text.png"]
    for path in paths[:22]:
        path.write_bytes(b"")
    with pytest.raises(UserError, match="26 of 34 images cannot be used") as refusal:
        scan([*bad, *paths])
    message = str(refusal.value)
    unknown = "cannot be read as an image (Its content is not in a format that Pillow reads.)"
    faults = ["is not a file", "is missing", "has pixels of 32 bits", unknown]
    for path, fault in zip(bad, faults, strict=True):
        assert f"{fault}: {path}\n" in message
    assert f"is empty: {', '.join(map(str, paths[:20]))} and 2 more" in message
    assert len(message.splitlines()) <= 8


def test_faults_of_many_kinds_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lossbook.data.images.decoding.LARGEST", 3)
    for number in range(9):
        Image.new("L", (4 + number, 4)).save(tmp_path / f"{number}.png")  # "has 16 pixels", "has 20 pixels", ...
    with pytest.raises(UserError, match="otherwise broken: 4 more") as refusal:
        scan(sorted(tmp_path.iterdir()))
    assert len(str(refusal.value).splitlines()) <= 8


def test_large_images_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("1", (11_000, 9_000)).save(tmp_path / "scan.png")  # more than Pillow reads without a warning
    scan([tmp_path / "scan.png"])
    monkeypatch.setattr(image_decoding, "LARGEST", 10_000)
    with pytest.raises(UserError, match=r"scan.png has 99,000,000 pixels\n.*10,000"):
        scan([tmp_path / "scan.png"])


def test_kinds_of_images_are_counted(tmp_path: Path) -> None:
    turned, plain = Image.Exif(), Image.Exif()
    turned[0x0112], plain[0x0112] = 6, 1
    paths = [save(tmp_path / f"turned.{name}", exif=turned) for name in ("png", "jpg", "tif", "webp")]
    paths += [save(tmp_path / "plain.png"), save(tmp_path / "straight.png", exif=plain)]
    paths += [save(tmp_path / "damaged.png", exif=b"Exif\0\0nothing")]
    for name, image in {"clear.png": Image.new("LA", (4, 4)), "deep.png": Image.new("I;16", (4, 4))}.items():
        image.save(tmp_path / name)
        paths.append(tmp_path / name)
    Image.new("L", (4, 4)).save(tmp_path / "film.gif", save_all=True, append_images=[Image.new("L", (4, 4), 9)])
    (tmp_path / "stated.pgm").write_bytes(b"P5 1 1 4095\n\0\0")
    found = scan([*paths, tmp_path / "film.gif", tmp_path / "stated.pgm"])
    assert found.kinds == {
        "rotated by their EXIF orientation": 4,
        "with damaged EXIF (not rotated)": 1,
        "transparent (on white)": 1,
        "of several frames (the first is used)": 1,
        DEEP: 1,
    }
    assert found.deep == [paths.index(tmp_path / "deep.png")]


def test_the_largest_grey(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.png" for number in range(20)]
    for number, path in enumerate(paths):
        Image.fromarray(np.array([[0, number * 1000]], np.uint16)).save(path)
    assert largest_grey(paths) == (19_000, 16)
    assert largest_grey(paths[:2]) == (1000, 2)
    paths[3].write_bytes(b"torn")
    with pytest.raises(UserError, match=r"3.png cannot be read"):
        largest_grey(paths[3:4])
