from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from lossbook.errors import UserError
from lossbook.prediction.inputs import find_inputs, in_list

IMAGES = (".jpg", ".png")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.png", "a/c d.JPG", "a/e=1.png", "a/[x], y/ü.png", ".hidden.png", ".git/f.png", "notes.txt", "z"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def names(given: str, stdin: str = "") -> list[str]:
    return [one.name for one in find_inputs(given, IMAGES, io.StringIO(stdin))]


def test_a_folder_is_searched_with_all_below_it(folder: Path) -> None:
    assert names(str(folder)) == ["a/[x], y/ü.png", "a/c d.JPG", "a/e=1.png", "b.png"]
    assert all(one.path.is_file() for one in find_inputs(str(folder), IMAGES))


def test_a_file_whatever_its_name(folder: Path) -> None:
    assert names(f"{folder}/a/[x], y/ü.png") == ["ü.png"]
    assert names(f"{folder}/notes.txt") == ["notes.txt"]  # its reader says what is wrong with it


def test_a_pattern(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert names("a/*.png") == ["a/e=1.png"]
    assert names("**/*.png") == ["a/[x], y/ü.png", "a/e=1.png", "b.png"]


def test_paths_on_the_standard_input_twice_or_missing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert names("-", "b.png\n\nno such.png\r\nb.png\n") == ["b.png", "no such.png", "b.png"]


def test_a_list_of_files_and_folders(folder: Path) -> None:
    found = in_list([folder / "b.png", folder / "a"], IMAGES)
    assert [one.name for one in found] == [str(folder / "b.png"), "[x], y/ü.png", "c d.JPG", "e=1.png"]


def test_a_loop_of_links_ends(folder: Path) -> None:
    os.symlink(folder, folder / "a" / "again", target_is_directory=True)
    assert len(names(str(folder))) == 4


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("nowhere", "no such file"),
        ("nowhere/*.png", "No file fits"),
        ("-", "holds no path"),
        ("empty", "no file that this network reads"),
        ("texts", "but 2 .txt"),
    ],
)
def test_nothing_there(given: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("empty", "texts"):
        Path(name).mkdir()
    for name in ("a", "b"):
        Path(f"texts/{name}.txt").touch()
    with pytest.raises(UserError, match=said):
        names(given)


def test_a_table_on_the_standard_input_is_no_list_of_paths() -> None:
    with pytest.raises(UserError, match=r"a,b, the first of 2 lines, is no file\n.*takes paths, one a line"):
        find_inputs("-", (".csv",), io.StringIO("a,b\n1,2\n"))
