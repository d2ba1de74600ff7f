from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from lossbook.data.images.tree import read_tree
from lossbook.errors import UserError


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")


def names(root: Path) -> list[str]:
    return [sample.name for sample in read_tree(root).samples]


def follow_first_move(error: UserError) -> None:
    """Do what the error says, as in a shell."""
    command = re.search(r"mv \S+ [^\s;]+", str(error))
    assert command
    subprocess.run(command[0], shell=True, check=True)


def test_classes_and_files_in_the_order_of_their_paths(tmp_path: Path) -> None:
    touch(tmp_path, "dog/b.png", "dog/a/z.JPG", "dog/a.png", "Cat/1.jpeg")
    tree = read_tree(tmp_path)
    assert tree.classes == ("Cat", "dog")
    found = ["Cat/1.jpeg", "dog/a/z.JPG", "dog/a.png", "dog/b.png"]  # as sorted paths: "a" before "a.png"
    assert [sample.name for sample in tree.samples] == found
    assert [Path(name) for name in found] == sorted(map(Path, found))
    assert [sample.label for sample in tree.samples] == [0, 1, 1, 1]
    assert {sample.part for sample in tree.samples} == {None}
    assert not tree.skipped


@pytest.mark.parametrize(
    ("train", "val", "test"),
    [
        ("train", "val", "test"),
        ("Train", "Valid", "TEST"),
        ("training", "validation", "testing"),
        ("TRAINING", "Dev", "Test"),
    ],
)
def test_parts_by_any_of_their_names(tmp_path: Path, train: str, val: str, test: str) -> None:
    touch(tmp_path, *(f"{part}/{name}/1.png" for part in (train, val, test) for name in ("cat", "dog")))
    tree = read_tree(tmp_path)
    assert tree.classes == ("cat", "dog")
    found = [(sample.part, sample.name, sample.label) for sample in tree.samples]
    given = {"train": train, "val": val, "test": test}
    assert found == [
        (part, f"{given[part]}/{name}/1.png", label)
        for part in ("train", "val", "test")
        for label, name in enumerate(("cat", "dog"))
    ]


@pytest.mark.parametrize("two", [("val", "valid"), ("Train", "training"), ("dev", "validation"), ("Test", "test")])
def test_two_folders_of_one_part_are_refused_and_the_fix_works(tmp_path: Path, two: tuple[str, str]) -> None:
    parts = {"train", "test"} - {name.lower().removesuffix("ing") for name in two} | set(two)
    touch(tmp_path, *(f"{part}/{name}/1.png" for part in parts for name in ("cat", "dog")))
    with pytest.raises(UserError, match=" and ".join(sorted(two))) as refusal:
        read_tree(tmp_path)
    follow_first_move(refusal.value)
    assert len(names(tmp_path)) == 2 * (len(parts) - 1)


def test_a_class_that_is_called_as_a_part_is_refused_and_the_fix_works(tmp_path: Path) -> None:
    touch(tmp_path, "train/1.png", "bus/1.png", "car/1.png")
    with pytest.raises(UserError, match="has bus with images beside train") as refusal:
        read_tree(tmp_path)
    follow_first_move(refusal.value)
    assert read_tree(tmp_path).classes == ("bus", "car", "train_")


def test_a_class_beside_the_parts_is_refused_and_the_fix_works(tmp_path: Path) -> None:
    touch(
        tmp_path, *(f"{part}/{name}/1.png" for part in ("train", "Test") for name in ("cat", "dog")), "fox/deep/1.jpg"
    )
    with pytest.raises(UserError, match="has fox with images beside train, Test") as refusal:
        read_tree(tmp_path)
    follow_first_move(refusal.value)
    assert len(names(tmp_path)) == 4


def test_within_parts_a_class_may_have_any_name(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{part}/{name}/1.png" for part in ("train", "test") for name in ("train", "val")))
    assert read_tree(tmp_path).classes == ("train", "val")


def test_what_is_no_image_is_counted(tmp_path: Path) -> None:
    touch(tmp_path, "cat/1.png", "dog/1.jfif", "dog/2.GIF", "dog/3.tga")
    touch(tmp_path, "cat/.ipynb_checkpoints/1.png", "cat/.ipynb_checkpoints/2.png", "cat/._1.png", ".DS_Store")
    touch(tmp_path, "__MACOSX/cat/1.png", "dog/Thumbs.db", "dog/desktop.ini", ".git/objects/1")
    touch(tmp_path, "cat/notes.txt", "README.txt", "cat/raw.dng", "cat/file", "stray.png")
    tree = read_tree(tmp_path)
    assert [sample.name for sample in tree.samples] == ["cat/1.png", "dog/1.jfif", "dog/2.GIF", "dog/3.tga"]
    assert tree.skipped == {
        "hidden": 8,
        ".txt (not an image)": 2,
        ".dng (Pillow cannot read it)": 1,
        "without a known extension": 1,
        "outside the class folders": 1,
    }
    every = sum(len(files) for _, _, files in os.walk(tmp_path))
    assert len(tree.samples) + sum(tree.skipped.values()) == every


def test_folders_without_images_may_stand_beside_parts(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{part}/{name}/1.png" for part in ("train", "test") for name in ("cat", "dog")))
    touch(tmp_path, "labels/1.txt", "labels/2.txt")
    assert read_tree(tmp_path).skipped == {".txt (not an image)": 2}


def test_linked_folders_are_followed_and_a_file_counts_once(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    touch(root, "cat/1.png", "dog/1.png", "dog/sub/2.png")
    touch(elsewhere, "deep/3.png", "4.png")
    (root / "cat" / "more").symlink_to(elsewhere)
    (root / "cat" / "up").symlink_to(root / "cat")  # a loop
    (root / "dog" / "alias").symlink_to(root / "dog" / "sub")
    (root / "dog" / "9.png").symlink_to(root / "dog" / "1.png")
    tree = read_tree(root)
    found = {sample.name for sample in tree.samples}
    assert found - {"dog/1.png", "dog/9.png"} == {"cat/1.png", "cat/more/4.png", "cat/more/deep/3.png", "dog/sub/2.png"}
    assert len(found) == 5
    assert tree.skipped == {"linked again": 3}


def test_a_linked_class_and_a_linked_part(tmp_path: Path) -> None:
    root = tmp_path / "root"
    touch(root, "train/cat/1.png", "train/dog/1.png")
    touch(tmp_path, "held/cat/1.png", "fox/1.png")
    (root / "train" / "fox").symlink_to(tmp_path / "fox")
    (tmp_path / "held" / "dog").symlink_to(root / "train" / "dog")
    (tmp_path / "held" / "fox").symlink_to(tmp_path / "fox")
    (root / "test").symlink_to(tmp_path / "held")
    assert len(names(root)) == 6  # each part on its own


def test_one_file_in_two_classes_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "cat/1.png", "dog/1.png")
    (tmp_path / "cat" / "all").symlink_to(tmp_path)
    with pytest.raises(UserError, match=r"cat/all/dog/1.png and .*dog/1.png are the same file"):
        read_tree(tmp_path)


def test_broken_links_and_folders_named_as_images(tmp_path: Path) -> None:
    touch(tmp_path, "cat/set.png/1.png", "dog/1.png")
    (tmp_path / "dog" / "more").symlink_to(tmp_path / "nowhere")
    (tmp_path / "dog" / "self").symlink_to(tmp_path / "dog" / "self")
    (tmp_path / "dog" / "gone.png").symlink_to(tmp_path / "nowhere.png")  # an image by name: refused when it is read
    tree = read_tree(tmp_path)
    assert [sample.name for sample in tree.samples] == ["cat/set.png/1.png", "dog/1.png", "dog/gone.png"]
    assert tree.skipped == {"broken link": 2}


def test_empty_classes_are_refused_together_and_say_what_they_hold(tmp_path: Path) -> None:
    touch(tmp_path, "ant/1.png", "bee/1.heic", "bee/2.heic")
    (tmp_path / "cow").mkdir()
    with pytest.raises(UserError) as refusal:
        read_tree(tmp_path)
    message = str(refusal.value)
    assert "bee holds no image" in message
    assert "2 .heic (Pillow cannot read it)" in message
    assert "cow holds no image" in message


def test_a_folder_too_high_is_told_where_to_go(tmp_path: Path) -> None:
    touch(tmp_path, "set/cat/1.png", "set/dog/1.png", "__MACOSX/set/1.png")
    with pytest.raises(UserError, match=f"data.root={tmp_path}/set"):
        read_tree(tmp_path)
    assert len(names(tmp_path / "set")) == 2


def test_parts_without_classes_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "Train/1.png", "Train/2.png", "test/1.png")
    with pytest.raises(UserError, match=r"Train has 0 class folders\n.* 2 images are in none"):
        read_tree(tmp_path)


def test_names_that_cannot_be_printed_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "cat/1.png", "do\ng/1.png")
    with pytest.raises(UserError, match=r"'do\\ng'"):
        read_tree(tmp_path)


def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "cat/locked/1.png", "dog/1.png")
    scandir = os.scandir

    def refusing(path: str) -> object:
        if "locked" in str(path):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(UserError, match=r"locked cannot be read"):
        read_tree(tmp_path)


def test_parts_inside_classes_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{name}/{part}/1.png" for part in ("Train", "test") for name in ("cat", "dog")))
    with pytest.raises(UserError, match="has dog/Train and dog/test"):
        read_tree(tmp_path)


def test_many_problems_are_counted(tmp_path: Path) -> None:
    for number in range(25):
        (tmp_path / f"class{number:02}").mkdir()
    with pytest.raises(UserError) as refusal:
        read_tree(tmp_path)
    assert "class19 holds no image" in str(refusal.value)
    assert "class20" not in str(refusal.value)
    assert "and 5 more" in str(refusal.value)
