from __future__ import annotations

import hashlib
import itertools
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from lossbook.data.digests import content
from lossbook.data.fitted import FittedData
from lossbook.data.images.decoding import ORIENTATION
from lossbook.data.images.files import ImageFiles
from lossbook.data.images.folder import ImageFolder
from lossbook.data.images.reader import ImageReader
from lossbook.data.split import stratified_split
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
    with pytest.raises(UserError, match="test has green, which train lacks"):
        ImageFolder(str(tmp_path)).load()


def test_a_part_that_is_missing_is_told_and_the_fix_works(tmp_path: Path) -> None:
    paint(tmp_path / "Testing", 12)
    with pytest.raises(UserError, match="has Testing but no train"):
        ImageFolder(str(tmp_path)).load()
    paint(tmp_path / "Valid", 4)
    with pytest.raises(UserError, match=f"data.root={tmp_path}/Valid, which is split"):
        ImageFolder(str(tmp_path)).load()
    assert len(ImageFolder(str(tmp_path / "Testing")).load().train) == 17


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("image_size", True),
        ("image_size", 10**6),
        ("grey_bits", 7),
        ("grey_bits", 17),
        ("grey_bits", 12.0),
        ("normalise", 1),
        ("normalise", [[0.5, 0.5, 0.5]]),
        ("normalise", [[0.5], [0.5]]),
        ("normalise", [[0, 0, 0], [1, 1, 0]]),
        ("normalise", [[0, 0, float("nan")], [1, 1, 1]]),
    ],
)
def test_options_out_of_range_are_refused(tmp_path: Path, option: str, value: Any) -> None:
    paint(tmp_path, 6)
    with pytest.raises(UserError, match=f"data.{option}="):
        ImageFolder(str(tmp_path), **{option: value}).load()


@pytest.mark.parametrize("root", [1, None, "", "~nobody/x", "a\0b"])
def test_odd_roots_are_refused(root: Any) -> None:
    with pytest.raises(UserError, match="is not a folder"):
        ImageFolder(root).load()


def test_the_same_split_as_ever(tmp_path: Path) -> None:
    """Of numpy's and the module's documented draws: a folder without parts, and validation taken from training."""
    paint(tmp_path / "train", 20)
    paint(tmp_path / "test", 3)
    parts = ImageFolder(str(tmp_path), seed=5).load()
    found = sorted((tmp_path / "test").rglob("*.png"))
    order = np.random.Generator(np.random.PCG64(5)).permutation(6)
    assert parts.test.paths == [found[row] for row in order]
    found = sorted((tmp_path / "train").rglob("*.png"))
    shuffled = np.random.Generator(np.random.PCG64(5)).permutation(40)
    train, val = stratified_split((shuffled >= 20).astype(int), 5, (0.85, 0.15))
    assert parts.train.paths == [found[shuffled[row]] for row in train]
    assert parts.val.paths == [found[shuffled[row]] for row in val]
    whole = ImageFolder(str(tmp_path / "train"), seed=5).load()
    rows = stratified_split(np.repeat([0, 1], 20), 5)
    for part, chosen in zip((whole.train, whole.val, whole.test), rows, strict=True):
        assert part.paths == [found[row] for row in chosen]


def test_notes_say_what_was_found(tmp_path: Path) -> None:
    paint(tmp_path, 20)
    paint(tmp_path, 1, ["green"])
    (tmp_path / "red" / ".DS_Store").touch()
    (tmp_path / "red" / "labels.csv").touch()
    Image.new("RGBA", (8, 8)).save(tmp_path / "red" / "0.png")
    exif = Image.Exif()
    exif[0x0112] = 8
    Image.new("RGB", (8, 8)).save(tmp_path / "red" / "1.png", exif=exif)
    notes = ImageFolder(str(tmp_path)).load().notes
    (counts,) = (note for note in notes if note.startswith("classes"))
    assert "blue (train 14, val 3, test 3)" in counts
    (green,) = re.findall(r"green \(train (\d), val (\d), test (\d)\)", counts)
    assert sorted(green) == ["0", "0", "1"]
    missing = [note for note in notes if note.startswith("no image in")]
    assert len(missing) == 2
    assert all("of green" in note for note in missing)
    assert "skipped: 1 .csv (not an image), 1 hidden" in notes
    assert "images: 1 rotated by their EXIF orientation, 1 transparent (on white)" in notes


def test_notes_on_many_classes_stay_short(tmp_path: Path) -> None:
    for number in range(40):
        paint(tmp_path, 9 - (number == 7) + (number == 9), [f"class{number:02}"])
    (counts,) = ImageFolder(str(tmp_path)).load().notes
    assert counts.startswith("40 classes  class00, class01, class02, ...; smallest class07 (train ")
    assert "largest class09 (train " in counts


def test_all_broken_files_of_all_parts_are_named_before_training(tmp_path: Path) -> None:
    paint(tmp_path / "train", 20)
    paint(tmp_path / "test", 20)
    (tmp_path / "train" / "red" / "3.png").write_bytes(b"no image")
    (tmp_path / "test" / "blue" / "4.png").write_bytes(b"")
    with pytest.raises(UserError, match="2 of 80 images cannot be used") as refusal:
        ImageFolder(str(tmp_path)).load()
    assert f"{tmp_path}/train/red/3.png" in str(refusal.value)
    assert "is empty: " + str(tmp_path / "test/blue/4.png") in str(refusal.value)


def test_digests_go_with_the_files(tmp_path: Path) -> None:
    paint(tmp_path, 20)
    parts = ImageFolder(str(tmp_path)).load()
    for part in (parts.train, parts.val, parts.test):
        assert isinstance(part, ImageFiles)
        expected = [hashlib.blake2b(path.read_bytes(), digest_size=8).digest() for path in part.paths]
        assert part.digests.dtype == np.uint64
        assert [int(digest).to_bytes(8, "little") for digest in part.digests] == expected


def test_a_file_that_changes_or_disappears_is_named(tmp_path: Path) -> None:
    paint(tmp_path, 20)
    train = ImageFolder(str(tmp_path)).load().train
    os.utime(train.paths[0], (1, 1))
    train[0]  # touched, and the same
    Image.new("RGB", (5, 5)).save(train.paths[0])
    with pytest.raises(UserError, match=f"{train.paths[0].name} has changed"):
        train[0]
    train.paths[1].unlink()
    with pytest.raises(UserError, match=f"{train.paths[1].name} is missing"):
        train[1]


def deep(root: Path, top: int) -> None:
    for name in ("a", "b"):
        (root / name).mkdir(exist_ok=True)
        for number in range(10):
            levels = np.full((4, 4), top if number == 3 else 100, np.uint16)
            Image.fromarray(levels).save(root / name / f"{number}.png")


@pytest.mark.parametrize(("top", "bits"), [(255, 8), (900, 10), (4095, 12), (4096, 14)])
def test_dark_greys_of_16_bits_are_asked_about_and_the_fixes_work(tmp_path: Path, top: int, bits: int) -> None:
    deep(tmp_path, top)
    with pytest.raises(UserError, match=f"16-bit greys, at most {top:,} in 16 of 20") as refusal:
        ImageFolder(str(tmp_path)).load()
    assert f"data.grey_bits={bits} " in str(refusal.value)
    for chosen in (bits, 16):
        parts = ImageFolder(str(tmp_path), 4, grey_bits=chosen).load()
        found = {
            int(part[row]["input"].max()) for part in (parts.train, parts.test, parts.val) for row in range(len(part))
        }
        assert found == {100 >> (chosen - 8), top >> (chosen - 8)}


def test_too_few_grey_bits_are_refused_before_training(tmp_path: Path) -> None:
    deep(tmp_path, 4096)
    with pytest.raises(UserError, match=r"data.grey_bits=12\n.* at most 4,096 in 16 of 20"):
        ImageFolder(str(tmp_path), grey_bits=12).load()


def test_greys_that_use_their_16_bits_pass(tmp_path: Path) -> None:
    deep(tmp_path, 2**14)
    assert "images: 20 of 16-bit greys" in ImageFolder(str(tmp_path)).load().notes


def test_grey_bits_without_effect_are_refused(tmp_path: Path) -> None:
    paint(tmp_path, 6)
    with pytest.raises(UserError, match=r"data.grey_bits=12 has no effect"):
        ImageFolder(str(tmp_path), grey_bits=12).load()


def test_broken_files_can_be_left_out(tmp_path: Path) -> None:
    paint(tmp_path / "train", 20)
    paint(tmp_path / "test", 20)
    whole = ImageFolder(str(tmp_path)).load()
    (tmp_path / "train" / "red" / "3.png").write_bytes(b"no image")
    data = (tmp_path / "test" / "blue" / "4.png").read_bytes()
    middle = data.index(b"IDAT") + 8
    (tmp_path / "test" / "blue" / "4.png").write_bytes(data[:middle] + b"\xff\xff\xff\xff" + data[middle + 4 :])
    parts = ImageFolder(str(tmp_path), on_bad="skip").load()
    assert [len(part) for part in (parts.train, parts.val, parts.test)] == [33, 6, 39]
    notes = "\n".join(parts.notes)
    assert "2 of 80 images are left out (data.on_bad=skip)" in notes
    assert f"{tmp_path}/train/red/3.png" in notes
    assert f"{tmp_path}/test/blue/4.png" in notes
    for part in (parts.train, parts.val, parts.test):
        for row in range(len(part)):
            assert COLOURS[part.paths[row].parent.name] == tuple(part[row]["input"][:, 8, 8].tolist())
    kept = {place for rows in parts.rows.values() for place in rows.tolist()}
    assert len(kept) == 78
    assert kept < {place for rows in whole.rows.values() for place in rows.tolist()}


def test_nothing_left_is_refused(tmp_path: Path) -> None:
    paint(tmp_path, 3)
    for path in tmp_path.rglob("*.png"):
        path.write_bytes(b"")
    with pytest.raises(UserError, match="none of 6 images can be used"):
        ImageFolder(str(tmp_path), on_bad="skip").load()


def test_channels_are_measured_on_the_training_part_alone(tmp_path: Path) -> None:
    for part, level in (("train", 51), ("val", 255), ("test", 255)):
        for name in ("a", "b"):
            (tmp_path / part / name).mkdir(parents=True)
            for number in range(3):
                levels = np.zeros((4, 4, 3), np.uint8)
                levels[:2], levels[..., 2] = level, 10
                Image.fromarray(levels).save(tmp_path / part / name / f"{number}.png")
    parts = ImageFolder(str(tmp_path), 4, normalise="measured").load()
    mean, scale = parts.normalise
    np.testing.assert_allclose(mean, [0.1, 0.1, 10 / 255])
    np.testing.assert_allclose(scale, [0.1, 0.1, 1 / 255])
    assert "channels measured on the 6 training images: mean 0.100, 0.100, 0.039" in "\n".join(parts.notes)
    assert ImageFolder(str(tmp_path), 4, normalise="measured", channels=1).load().normalise[0] == pytest.approx(
        [(0.886 * 51 + 0.114 * 10 + 0.114 * 10) / 2 / 255], abs=0.005
    )
    assert ImageFolder(str(tmp_path), 4, normalise="none").load().normalise is None


def test_greys_of_any_height_and_width(tmp_path: Path) -> None:
    paint(tmp_path, 20)
    parts = ImageFolder(str(tmp_path), [6, 9], channels=1, resize="pad").load()
    assert parts.schema.input_shape == (1, 6, 9)
    assert parts.train[0]["input"].shape == (1, 6, 9)
    assert parts.reader == ImageReader(1, (6, 9), 16, "pad")
    new = parts.reader.files(parts.test.paths, [path.name for path in parts.test.paths])
    for row in range(len(parts.test)):
        assert torch.equal(new.part[row]["input"], parts.test[row]["input"])


def test_random_splits_have_no_effect_on_given_parts(tmp_path: Path) -> None:
    paint(tmp_path / "train", 6)
    paint(tmp_path / "test", 6)
    for option in ({"fractions": [0.8, 0.1, 0.1]}, {"folds": 3}):
        with pytest.raises(UserError, match=f"data.{next(iter(option))}=.*\n.*nothing is left to divide"):
            ImageFolder(str(tmp_path), **option).load()


def test_groups_are_found_in_names(tmp_path: Path) -> None:
    paint(tmp_path, 40)
    parts = ImageFolder(str(tmp_path), group_pattern=r"(\d)\.png", fractions=[0.5, 0.25, 0.25]).load()
    groups = [{path.stem[-1] for path in part.paths} for part in (parts.train, parts.val, parts.test)]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 10
    with pytest.raises(UserError, match=r"does not in 40, such as red/0.png"):
        ImageFolder(str(tmp_path), group_pattern="blue").load()
    with pytest.raises(UserError, match="no regular expression"):
        ImageFolder(str(tmp_path), group_pattern="(").load()


def test_folds_are_each_once_the_test_part(tmp_path: Path) -> None:
    paint(tmp_path, 20)
    tests = [ImageFolder(str(tmp_path), folds=4, fold=fold).load().test.paths for fold in range(4)]
    assert sorted(itertools.chain(*tests)) == sorted(tmp_path.rglob("*.png"))


def test_a_part_may_lack_a_class_and_it_is_said(tmp_path: Path) -> None:
    paint(tmp_path / "train", 6, ["blue", "red", "green"])
    paint(tmp_path / "val", 6, ["green", "red"])
    paint(tmp_path / "test", 6, ["red"])
    (tmp_path / "test" / "blue").mkdir()
    parts = ImageFolder(str(tmp_path)).load()
    assert parts.schema.class_names == ("blue", "green", "red")
    assert [len(part) for part in (parts.train, parts.val, parts.test)] == [18, 12, 6]
    for part in (parts.train, parts.val, parts.test):
        assert [path.parent.name for path in part.paths] == [parts.schema.class_names[one] for one in part.targets]
    assert "no image in val of blue" in parts.notes
    assert "no image in test of blue, green" in parts.notes
    (tmp_path / "val" / "grey").mkdir()
    (tmp_path / "train" / "grey").mkdir()
    with pytest.raises(UserError, match="grey holds no image"):
        ImageFolder(str(tmp_path)).load()
    (tmp_path / "val" / "grey").rename(tmp_path / "val" / "gren")
    with pytest.raises(UserError, match=f"val has gren, which train lacks.*\n.*\n.*mv {tmp_path}/val/gren .*/green"):
        ImageFolder(str(tmp_path)).load()


def test_a_part_without_classes_is_refused(tmp_path: Path) -> None:
    paint(tmp_path / "train", 6)
    paint(tmp_path / "test", 6)
    (tmp_path / "val").mkdir()
    with pytest.raises(UserError, match="val has no class folder"):
        ImageFolder(str(tmp_path)).load()


def test_images_keep_a_small_size_that_all_share(tmp_path: Path) -> None:
    for name, shade in (("a", 0), ("b", 255)):
        (tmp_path / name).mkdir()
        for number in range(10):
            Image.new("L", (30, 20), shade).save(tmp_path / name / f"{number}.png")
    turned = Image.Exif()
    turned[ORIENTATION] = 6
    for suffix in ("jpg", "tif"):
        Image.new("L", (20, 30)).save(tmp_path / "a" / f"turned.{suffix}", exif=turned)
    known = ImageFolder(str(tmp_path)).load()
    assert known.schema.input_shape == (3, 20, 30)
    Image.new("L", (30, 21)).save(tmp_path / "a" / "other.png")
    assert ImageFolder(str(tmp_path)).load().schema.input_shape == (3, 64, 64)
    fitted = FittedData.of(known, content(known), 0)
    assert ImageFolder(str(tmp_path)).load_known(fitted, evaluating=True).schema.input_shape == (3, 20, 30)
    for path in tmp_path.rglob("*.*"):
        Image.new("L", (65, 20)).save(path)
    assert ImageFolder(str(tmp_path)).load().schema.input_shape == (3, 64, 64)
