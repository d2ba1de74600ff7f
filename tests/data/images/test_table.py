"""Images that a table lists: every kind of target, paths, parts, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import lossbook
from lossbook.data.images.table import ImageTable
from lossbook.data.source import PARTS, Parts
from lossbook.errors import UserError

COUNT = 40


def album(folder: Path, **columns: list[Any]) -> Path:
    """A folder of images of one grey each, 10 times their number of the row, and a table with more columns."""
    (folder / "pictures, all").mkdir(parents=True)
    names = [f"pictures, all/no [{row}]=é.png" for row in range(COUNT)]
    for row, name in enumerate(names):
        Image.new("RGB", (12, 10), (row * 6,) * 3).save(folder / name)
    columns = {"path": names, **columns}
    rows = [list(columns), *map(list, zip(*columns.values(), strict=True))]
    path = folder / "table.csv"
    path.write_text("\n".join(",".join(f'"{cell}"' for cell in row) for row in rows) + "\n")
    return path


def loaded(path: Path, target: str, columns: Any, **options: Any) -> Parts:
    options = {"image_size": 8, "normalise": "none", **options}
    return ImageTable(str(path), "path", target, columns, **options).load()


def samples(parts: Parts) -> list[tuple[int, Any]]:
    """The number of the row that an image shows, and its target, of all parts."""
    found = []
    for name in PARTS:
        part: Any = getattr(parts, name)
        for index in range(len(part)):
            sample = part[index]
            assert sample["input"].shape == (3, 8, 8)
            found.append((round(float(sample["input"].float().mean()) / 6), sample["target"]))
    return found


def test_classes(tmp_path: Path) -> None:
    names = ["cat" if row % 4 else "dog" for row in range(COUNT)]
    parts = loaded(album(tmp_path, label=names), "class", "label")
    assert parts.schema.class_names == ("cat", "dog")
    assert sorted(row for row, _ in samples(parts)) == list(range(COUNT))
    assert all(int(target) == (row % 4 == 0) for row, target in samples(parts))
    assert parts.names is not None
    assert parts.rows is not None
    train: Any = parts.train
    assert [str(path.relative_to(tmp_path)) for path in train.paths] == [
        parts.names[row] for row in parts.rows["train"]
    ]


def test_values_and_counts(tmp_path: Path) -> None:
    path = album(tmp_path, age=[row / 2 for row in range(COUNT)], legs=list(range(COUNT)))
    parts = loaded(path, "value", ["age", "legs"])
    assert all(target.tolist() == [row / 2, row] for row, target in samples(parts))
    assert parts.schema.column_names == ("age", "legs")
    assert len(parts.schema.mean) == 2
    counts = loaded(path, "count", ["legs"])
    assert all(target.dtype == torch.float32 and target.tolist() == [row] for row, target in samples(counts))


def test_labels_in_one_column(tmp_path: Path) -> None:
    tags = [";".join(name for name, every in (("even", 2), ("third", 3)) if row % every == 0) for row in range(COUNT)]
    parts = loaded(album(tmp_path, tags=tags), "multilabel", ["tags"], separator=";")
    assert parts.schema.class_names == ("even", "third")
    assert all(target.tolist() == [row % 2 == 0, row % 3 == 0] for row, target in samples(parts))


def test_parts_by_file_group_and_fold(tmp_path: Path) -> None:
    people = [f"person {row // 4}" for row in range(COUNT)]
    path = album(tmp_path, age=list(range(COUNT)), person=people)
    grouped = loaded(path, "value", ["age"], group_column="person")
    assert grouped.rows is not None
    of_parts = [{people[row] for row in grouped.rows[name]} for name in PARTS]
    assert sum(map(len, of_parts)) == len(set().union(*of_parts)) == 10
    tested = [loaded(path, "value", ["age"], folds=4, fold=fold).rows["test"] for fold in range(4)]  # type: ignore[index]
    assert sorted(np.concatenate(tested)) == list(range(COUNT))
    split = tmp_path / "split.csv"
    lines = [f'"no [{row}]=é.png",{PARTS[row % 3]}' for row in range(COUNT)]
    split.write_text("name,part\n" + "\n".join(lines) + "\n")
    given = loaded(path, "value", ["age"], split=str(split)).rows
    assert given is not None
    assert all(set(given[name] % 3) == {number} for number, name in enumerate(PARTS))


def test_bad_rows_and_files(tmp_path: Path) -> None:
    ages = [str(row) for row in range(COUNT)]
    ages[5] = "old"
    path = album(tmp_path, age=ages)
    with pytest.raises(UserError, match="old"):
        loaded(path, "value", ["age"])
    (tmp_path / "pictures, all" / "no [7]=é.png").write_bytes(b"")
    (tmp_path / "pictures, all" / "no [9]=é.png").unlink()
    parts = loaded(path, "value", ["age"], on_bad="skip")
    assert sorted(row for row, _ in samples(parts)) == sorted(set(range(COUNT)) - {5, 7, 9})
    assert all(target.tolist() == [row] for row, target in samples(parts))
    assert any("left out" in note for note in parts.notes)


@pytest.mark.parametrize(
    ("column", "target", "names", "words"),
    [
        ("file", "class", ["label"], "has no column"),
        ("path", "class", ["kind"], "has no column"),
        ("path", "text", ["label"], "must be one of"),
    ],
)
def test_what_is_refused(tmp_path: Path, column: str, target: str, names: list[str], words: str) -> None:
    path = album(tmp_path, label=["a", "b"] * 20)
    with pytest.raises(UserError, match=words):
        ImageTable(str(path), column, target, names).load()


def test_it_trains_from_another_folder(tmp_path: Path) -> None:
    path = album(tmp_path / "pictures", label=["a", "b"] * 20)
    moved = tmp_path / "elsewhere.csv"
    path.rename(moved)
    given = [f"data.root={moved}", "data.image_column=path", "data.target_columns=[label]", "data.image_size=8"]
    folder = f"data.folder={tmp_path / 'pictures'}"
    short = ["trainer=cpu", "logger=none", "trainer.max_epochs=1", "model=mlp"]
    metrics = lossbook.train(lossbook.compose("data=image_table", *given, folder, *short), tmp_path / "run")
    assert 0 <= metrics["test/acc"] <= 1


def test_images_of_several_rows_are_noted(tmp_path: Path) -> None:
    path = album(tmp_path, label=["cat" if row % 4 else "dog" for row in range(COUNT)])
    assert not any("several rows" in note for note in loaded(path, "class", "label").notes)
    header, first, second, *rest = path.read_text().splitlines()
    again = [header, first, second, *rest, first, second.replace('"cat"', '"dog"')]
    path.write_text("\n".join(again) + "\n")
    (note,) = (note for note in loaded(path, "class", "label").notes if "several rows" in note)
    assert note.startswith("2 images of several rows, 1 of them with different targets (")
    assert "pictures, all/no [1]=é.png" in note
    parts = loaded(path, "class", "label", group_column="path")
    assert parts.rows is not None
    (holder,) = (part for part in PARTS if 0 in parts.rows[part])
    assert COUNT in parts.rows[holder]
