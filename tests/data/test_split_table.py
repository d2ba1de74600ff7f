"""A table of parts."""

from __future__ import annotations

from pathlib import Path

import pytest

from lossbook.data.split_table import read_split
from lossbook.errors import UserError

NAMES = ["cat/1.png", "cat/2.png", "dog/1.png", "dog/3.png"]


def split(path: Path, text: str, count: int = 4, names: list[str] | None = None) -> dict[str, list[int]]:
    path.write_text(text)
    return {part: rows.tolist() for part, rows in read_split(str(path), count, names).items()}


def test_rows_are_numbered_from_0(tmp_path: Path) -> None:
    assert split(tmp_path / "s.csv", "row,part\n3,test\n0,train\n1,Train\n2,valid\n") == {
        "train": [0, 1],
        "val": [2],
        "test": [3],
    }


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_files_are_named_from_the_folder_or_by_a_name_of_their_own(tmp_path: Path, delimiter: str) -> None:
    lines = ["Part,Name", "test,3.png", "train,./cat/1.png", "val,cat\\2.png", "train,dog/1.png"]
    assert split(tmp_path / "s.csv", "\n".join(lines).replace(",", delimiter), names=NAMES) == {
        "train": [0, 2],
        "val": [1],
        "test": [3],
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("row,part\n1,train\n2,val\n3,test\n4,test\n", "unknown samples: line 5: 4"),
        ("row,part\n0,train\n1,val\n2,test\n", "no part for 1 of 4 samples: 3"),
        ("row,part\n0,train\n1,val\n2,test\n3,exam\n", "line 5: 'exam'"),
        ("row,part\n0,train\n1,val\n2,test\n3,test\n0,test\n", "lines 2 and 6: 0"),
        ("row,part\n0\n", "too few cells: line 2"),
        ("a,b\n0,train\n", "has the columns a, b"),
        ("", "has the columns (none)"),
        ("name,row,part\n0,0,train\n", "has the columns name, row, part"),
        ("part,split\n0,train\n", "has the columns part, split"),
        ("row,row,part\n0,0,train\n", "has the columns row, row, part"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        split(tmp_path / "s.csv", text)
    assert said in str(caught.value)


def test_a_name_of_several_files_does_not_say_which(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"unknown samples: line 2: 1\.png"):
        split(tmp_path / "s.csv", "name,part\n1.png,train\n", names=NAMES)


def test_twenty_mistakes_are_named_and_the_rest_counted(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="and 80 more"):
        split(tmp_path / "s.csv", "row,part\n", count=100)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", None])
def test_a_file_that_cannot_be_read(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "s.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"s\.csv"):
        read_split(str(path), 1)


def test_a_name_may_hold_an_end_of_line(tmp_path: Path) -> None:
    found = split(
        tmp_path / "s.csv", 'name,part\n"cat/a\nb.png",train\ndog/1.png,test\n', 2, ["cat/a\nb.png", "dog/1.png"]
    )
    assert found == {"train": [0], "test": [1]}


@pytest.mark.parametrize("path", ["/dev/zero", "/", "", "nowhere.csv", "a\0b"])
def test_what_is_no_file_is_not_read(path: str) -> None:
    with pytest.raises(UserError, match=f"data.split={path} is not a readable file"):
        read_split(path, 4)
