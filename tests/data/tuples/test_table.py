"""Rows of pairs and triplets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lossbook.data.tuples.table import read_tuples
from lossbook.errors import UserError


def read(path: Path, text: str, columns: Any = ("a", "b"), same: str | None = "same", group: str | None = None) -> Any:
    path.write_text(text, encoding="utf-8")
    return read_tuples(path, columns, same, group)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_paths_and_what_is_said_of_them(tmp_path: Path, delimiter: str) -> None:
    text = '\ufeffa,b,same,who\nx y.png,"z=1.png",1,p\nq.png,r.png,-1,p\n\n'
    found = read(tmp_path / "t.csv", text.replace(",", delimiter), group="who")
    assert found.paths == [["x y.png", "z=1.png"], ["q.png", "r.png"]]
    assert found.same.tolist() == [1, 0]
    assert found.groups.tolist() == ["p", "p"]
    assert found.vectors is None
    assert found.below(tmp_path).paths[0][0] == str(tmp_path / "x y.png")


@pytest.mark.parametrize(
    ("yes", "no"), [("1", "0"), ("1", "-1"), ("True", "FALSE"), ("same", "different"), ("1.0", "-1.0")]
)
def test_same_and_different(tmp_path: Path, yes: str, no: str) -> None:
    assert read(tmp_path / "t.csv", f"a,b,same\nx,y,{yes}\nx,y,{no}\n").same.tolist() == [1, 0]


def test_columns_of_numbers(tmp_path: Path) -> None:
    found = read(tmp_path / "t.csv", "a1,a2,b1,b2\n1,2,3,4e1\n5,6,7,-8\n", [["a1", "a2"], ["b1", "b2"]], None)
    assert found.vectors.tolist() == [[[1, 2], [3, 40]], [[5, 6], [7, -8]]]
    assert (found.same, found.groups, len(found)) == (None, None, 2)


@pytest.mark.parametrize(
    ("text", "columns", "said"),
    [
        ("", ("a", "b"), "the column a"),
        ("a,b,same\n", ("a", "b"), "has no rows"),
        ("a,c,same\nx,y,1\n", ("a", "b"), "has the columns a, c, same; it needs one called b"),
        ("a,b,b,same\nx,y,z,1\n", ("a", "b"), "one called b"),
        ("a,b,same\nx,y\n", ("a", "b"), "lines without 3 cells: line 2"),
        ("a,b,same\nx,y,2\nx,y,maybe\n", ("a", "b"), "line 2: 2, line 3: maybe"),
        ("a,b,same\nx,,1\n", ("a", "b"), "empty cells: line 2, b"),
        ("a,b,same\n1,x,1\n2,inf,1\n", (["a"], ["b"]), "line 2, b: x, line 3, b: inf"),
        ("a,b,same\n1,2,1\n", (["a"], "b"), "Each input is a column of paths, or each as many columns"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, text: str, columns: Any, said: str) -> None:
    with pytest.raises(UserError, match=said):
        read(tmp_path / "t.csv", text, columns)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"\xff\xfea")
    for path in (tmp_path / "t.csv", tmp_path / "none.csv", tmp_path):
        with pytest.raises(UserError, match="cannot be read"):
            read_tuples(path, ("a", "b"), "same", None)
