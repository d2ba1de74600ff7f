"""A folder of images and masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import lossbook
from lossbook.build import build
from lossbook.config.resolve import plain
from lossbook.data.masks.source import MaskFolder
from lossbook.data.source import PARTS
from lossbook.errors import UserError
from lossbook.trust import OWN_CONFIG

LAYOUTS = {
    "folders": ("images/{}.png", "masks/{}.png"),
    "endings": ("{}.png", "{}_mask.png"),
    "both": ("Images/{}.png", "Labels/{}_mask.png"),
}


def paint(
    root: Path, count: int = 20, layout: str = "folders", size: tuple[int, int] = (12, 16), high: int = 1
) -> None:
    """Images whose left half is red and of class ``high``, the rest black and of class 0."""
    image_name, mask_name = LAYOUTS[layout]
    for number in range(count):
        mask = np.zeros(size, np.uint8)
        mask[:, : size[1] // 2] = high
        mask[0, 0] = 255 if high < 255 else high
        image = np.stack([np.where(mask == high, 200 + number, 0), mask * 0, mask * 0], -1).astype(np.uint8)
        for name, pixels in ((image_name, image), (mask_name, mask)):
            path = root / name.format(f"a{number:02d}")
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_masks_are_found_by_name(tmp_path: Path, layout: str) -> None:
    paint(tmp_path, layout=layout)
    parts = MaskFolder(str(tmp_path), image_size=[12, 16]).load()
    assert [len(getattr(parts, name)) for name in PARTS] == [14, 3, 3]
    assert (parts.schema.target, parts.schema.classes, parts.schema.class_names) == ("mask", 2, ("0", "1"))
    assert parts.schema.input_shape == (3, 12, 16)
    sample = parts.train[0]
    assert sample["target"].shape == (12, 16)
    assert (sample["target"][1:, :8] == 1).all()
    assert (sample["target"][:, 8:] == 0).all()
    assert sample["target"][0, 0] == -100
    assert (sample["input"][0, 1:, :8] >= 200).all()
    # of 20 x 192 pixels one in each is ignored
    assert parts.schema.class_counts == (14 * 96, 14 * 95)
    assert any("0.5% of the pixels are ignored (value 255)" in note for note in parts.notes)
    assert parts.names is not None
    assert parts.rows is not None
    assert parts.train.paths[0] == tmp_path / parts.names[parts.rows["train"][0]]


def test_given_parts(tmp_path: Path) -> None:
    for part, count in (("train", 20), ("test", 4)):
        paint(tmp_path / part, count)
    parts = MaskFolder(str(tmp_path), image_size=8).load()
    assert [len(getattr(parts, name)) for name in PARTS] == [17, 3, 4]
    paint(tmp_path / "deep", 0)
    with pytest.raises(UserError, match=r"data\.folds=3\n.*nothing is left"):
        MaskFolder(str(tmp_path), folds=3).load()


def test_a_split_file_may_name_images_that_are_left_out(tmp_path: Path) -> None:
    paint(tmp_path, 10)
    (tmp_path / "masks" / "a03.png").write_bytes(b"")
    lines = [f"images/a{number:02d}.png,{'train' if number < 7 else 'test'}" for number in range(10)]
    (tmp_path / "parts.csv").write_text("\n".join(["name,part", *lines]))
    parts = MaskFolder(str(tmp_path), image_size=8, on_bad="skip", split=str(tmp_path / "parts.csv")).load()
    assert sorted(path.stem for path in parts.test.paths) == ["a07", "a08", "a09"]
    assert [len(getattr(parts, name)) for name in PARTS] == [5, 1, 3]


def test_parts_inside_the_folder_of_images(tmp_path: Path) -> None:
    paint(tmp_path / "x", 6)
    for kind in ("images", "masks"):
        for number in range(6):
            part = "train" if number < 4 else "val" if number < 5 else "test"
            (tmp_path / kind / part).mkdir(parents=True, exist_ok=True)
            (tmp_path / "x" / kind / f"a{number:02d}.png").rename(tmp_path / kind / part / f"{number}.png")
    (tmp_path / "x" / "images").rmdir()
    (tmp_path / "x" / "masks").rmdir()
    parts = MaskFolder(str(tmp_path), image_size=8).load()
    assert [len(getattr(parts, name)) for name in PARTS] == [4, 1, 1]


def test_groups_and_folds(tmp_path: Path) -> None:
    paint(tmp_path, 12)
    tested: list[str] = []
    for fold in range(3):
        parts = MaskFolder(str(tmp_path), image_size=8, folds=3, fold=fold).load()
        tested += [path.name for path in parts.test.paths]
    assert sorted(tested) == [f"a{number:02d}.png" for number in range(12)]
    grouped = MaskFolder(str(tmp_path), image_size=8, group_pattern=r"a\d(\d)").load()
    last = [{path.stem[-1] for path in getattr(grouped, name).paths} for name in PARTS]
    assert not last[0] & last[1]
    assert not last[0] & last[2]


def test_a_mask_is_resized_with_its_image_and_keeps_its_values(tmp_path: Path) -> None:
    paint(tmp_path, 8, size=(30, 60))
    for resize in ("crop", "pad", "squash"):
        part = MaskFolder(str(tmp_path), image_size=10, resize=resize, normalise="none").load().train
        for sample in (part[0], part[3]):
            assert set(sample["target"].unique().tolist()) <= {-100, 0, 1}
            inside = sample["target"] >= 0
            agree = (sample["input"][0] > 100) == (sample["target"] == 1)
            assert agree[inside].float().mean() > 0.97
            if resize == "pad":
                assert (sample["target"][:2] == -100).all()
                assert (sample["target"][3:7] >= 0).all()


@pytest.mark.parametrize(
    ("mask", "said"),
    [
        (Image.new("RGB", (16, 12), (1, 2, 3)), "is a mask in colours"),
        (Image.new("L", (12, 12)), "is 12 x 12, and its image 16 x 12"),
        (Image.new("F", (16, 12)), "has pixels of the kind F"),
    ],
)
def test_masks_that_cannot_be_used(tmp_path: Path, mask: Image.Image, said: str) -> None:
    paint(tmp_path, 10)
    suffix = "tif" if mask.mode == "F" else "png"
    (tmp_path / "masks" / "a03.png").unlink()
    mask.save(tmp_path / "masks" / f"a03.{suffix}")
    with pytest.raises(UserError, match=said):
        MaskFolder(str(tmp_path), image_size=8).load()
    parts = MaskFolder(str(tmp_path), image_size=8, on_bad="skip").load()
    assert sum(len(getattr(parts, name)) for name in PARTS) == 9
    assert any("1 of 10 masks are left out" in note for note in parts.notes)


def test_all_broken_masks_are_named_at_once(tmp_path: Path) -> None:
    paint(tmp_path, 10)
    for number in (1, 2, 3):
        (tmp_path / "masks" / f"a0{number}.png").write_bytes(b"" if number < 3 else b"text")
    with pytest.raises(UserError, match=r"3 of 10 images cannot be used\n(.*\n)*.*a01\.png, .*a02\.png"):
        MaskFolder(str(tmp_path), image_size=8).load()


def test_a_jpeg_is_no_mask(tmp_path: Path) -> None:
    paint(tmp_path, 10)
    (tmp_path / "masks" / "a03.png").unlink()
    Image.new("L", (16, 12)).save(tmp_path / "masks" / "a03.jpg")
    with pytest.raises(UserError, match=r"a03\.jpg is a mask in JPEG"):
        MaskFolder(str(tmp_path), image_size=8).load()


def test_files_without_a_partner(tmp_path: Path) -> None:
    paint(tmp_path, 10)
    (tmp_path / "masks" / "a03.png").unlink()
    (tmp_path / "images" / "a04.png").unlink()
    with pytest.raises(UserError, match=r"images/a03\.png has no mask, masks/a04\.png has no image"):
        MaskFolder(str(tmp_path), image_size=8).load()
    parts = MaskFolder(str(tmp_path), image_size=8, on_bad="skip").load()
    assert any("2 files without a partner are left out" in note for note in parts.notes)


@pytest.mark.parametrize("kind", ["P", "RGB", "1", "I;16"])
def test_palettes_and_greys_of_any_depth(tmp_path: Path, kind: str) -> None:
    paint(tmp_path, 10, high=1 if kind != "1" else 255)
    for path in (tmp_path / "masks").iterdir():
        values = np.asarray(Image.open(path)).copy()
        values[0, 0] = values[0, 1]
        image = Image.fromarray(values.astype(np.uint16)) if kind == "I;16" else Image.fromarray(values)
        if kind == "P":
            image = Image.fromarray(values, "L").convert("L")
            image.putpalette([9, 9, 9, 200, 0, 0])
        (image if kind in ("P", "I;16") else image.convert(kind)).save(path)
    parts = MaskFolder(str(tmp_path), image_size=[12, 16]).load()
    assert parts.schema.class_names == ("0", "1")
    assert (parts.train[0]["target"][:, :8] == 1).all()


def test_nothing_and_half_of_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no image with a mask"):
        MaskFolder(str(tmp_path)).load()
    with pytest.raises(UserError, match="is not a folder"):
        MaskFolder(str(tmp_path / "none")).load()
    (tmp_path / "images").mkdir()
    with pytest.raises(UserError, match="one folder of images and one of masks"):
        MaskFolder(str(tmp_path)).load()


def test_a_checkpoint_keeps_classes_and_parts(tmp_path: Path) -> None:
    from lossbook.data.digests import content
    from lossbook.data.fitted import FittedData

    paint(tmp_path, 20)
    source = MaskFolder(str(tmp_path), image_size=8)
    parts = source.load()
    known = FittedData.read(FittedData.of(parts, content(parts), 0).state())
    again = source.load_known(known, False)
    assert [getattr(again, name).paths for name in PARTS] == [getattr(parts, name).paths for name in PARTS]
    tested = source.load_known(known, True)
    assert sorted(tested.test.paths) == sorted(parts.test.paths)
    assert tested.schema.class_names == ("0", "1")


@pytest.mark.slow
def test_it_trains_with_ignored_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import lossbook

    paint(tmp_path / "own", 20, size=(16, 16))
    monkeypatch.chdir(tmp_path)
    given = ["data=mask_folder", f"data.root={tmp_path / 'own'}", "data.image_size=16", "trainer.max_epochs=3"]
    metrics = lossbook.train(lossbook.compose("loss=cross_entropy", *given), tmp_path / "run")
    assert metrics["test/iou"] > 0.5
    with pytest.raises(UserError, match="pixels without a class"):
        lossbook.train(lossbook.compose("loss=bce_logits", *given), tmp_path / "run")
    assert torch.isfinite(torch.tensor(metrics["test/loss"]))


def test_no_value_is_ignored_where_null_says_so(tmp_path: Path) -> None:
    for number in range(6):
        mask = np.zeros((8, 8), np.uint8)
        mask[:, :4] = 255
        for name, pixels in (("images", np.stack([mask] * 3, -1)), ("masks", mask)):
            (tmp_path / name).mkdir(exist_ok=True)
            Image.fromarray(pixels).save(tmp_path / name / f"{number}.png")
    given = ["data=mask_folder", f"data.root={tmp_path}", "loss=cross_entropy", "data.image_size=8"]
    with pytest.raises(UserError, match=r"data\.ignored=null"):
        lossbook.train(lossbook.compose(*given), tmp_path / "run")
    config = plain(lossbook.compose(*given, "data.ignored=null"))
    parts = build(config["data"]["source"], trust=OWN_CONFIG).load()
    assert parts.schema.class_names == ("0", "255")
    sample = parts.train[0]
    assert torch.equal(sample["target"], (sample["input"][0] > 0).long())
