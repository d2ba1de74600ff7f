"""Sets of the library ``datasets``, from local files alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from lossbook.data.digests import content
from lossbook.data.fitted import FittedData
from lossbook.data.huggingface.source import HuggingFace
from lossbook.data.images.reader import ImageReader
from lossbook.data.module import DataModule
from lossbook.data.source import PARTS, Parts
from lossbook.errors import UserError

datasets = pytest.importorskip("datasets")
Set = Any


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)


def images(count: int = 40) -> Set:
    """Images whose grey is their number, of two classes."""
    pictures = [Image.fromarray(np.full((6, 8, 3), number, np.uint8)) for number in range(count)]
    names = datasets.ClassLabel(names=["even", "odd"])
    columns = {"image": datasets.Image(), "label": names, "note": datasets.Value("string")}
    rows = {"image": pictures, "label": [number % 2 for number in range(count)], "note": ["x"] * count}
    return datasets.Dataset.from_dict(rows, features=datasets.Features(columns))


def table(count: int = 40) -> Set:
    numbers = [float(number) for number in range(count)]
    return datasets.Dataset.from_dict(
        {
            "x": numbers,
            "z": [2 * number for number in range(count)],
            "name": ["ab"[number % 2] for number in range(count)],
            "y": [3 * number for number in numbers],
        }
    )


def saved(tmp_path: Path, data: Set, name: str = "saved") -> str:
    data.save_to_disk(str(tmp_path / name))
    return str(tmp_path / name)


def greys(part: Any) -> list[int]:
    return [int(part[place]["input"][0, 0, 0]) for place in range(len(part))]


def refusal(name: str, columns: Any = ("label",), **options: Any) -> str:
    with pytest.raises(UserError) as caught:
        HuggingFace(name, columns, **options).load()
    assert all(problem.fix for problem in caught.value.problems)
    assert len(str(caught.value).splitlines()) <= 4
    return str(caught.value)


def test_images_with_classes_are_split(tmp_path: Path) -> None:
    parts = HuggingFace(saved(tmp_path, images()), ["label"]).load()
    assert [len(getattr(parts, name)) for name in PARTS] == [28, 6, 6]
    assert parts.schema.class_names == ("even", "odd")
    assert parts.schema.class_counts == (14, 14)
    assert parts.schema.input_shape == (3, 6, 8)
    assert parts.reader == ImageReader(3, (6, 8), resize="squash")
    assert sorted(grey for name in PARTS for grey in greys(getattr(parts, name))) == list(range(40))
    assert [int(parts.test[place]["target"]) for place in range(6)] == [grey % 2 for grey in greys(parts.test)]
    assert "columns left out: note (text)" in parts.notes


def test_splits_are_parts_and_missing_ones_are_split_off(tmp_path: Path) -> None:
    data = images(60)
    both = datasets.DatasetDict({"train": data.select(range(40)), "validation": data.select(range(40, 60))})
    parts = HuggingFace(saved(tmp_path, both), "label").load()
    assert [len(getattr(parts, name)) for name in PARTS] == [34, 20, 6]
    assert sorted(greys(parts.val)) == list(range(40, 60))
    chosen = HuggingFace(str(tmp_path / "saved"), "label", splits={"train": "train", "test": "validation"}).load()
    assert sorted(greys(chosen.test)) == list(range(40, 60))
    assert "data.splits" in refusal(str(tmp_path / "saved"), splits={"train": "validaton"})


def test_images_are_resized_as_files_are(tmp_path: Path) -> None:
    parts = HuggingFace(saved(tmp_path, images()), ["label"], image_size=4, channels=1, normalise="measured").load()
    assert parts.train[0]["input"].shape == (1, 4, 4)
    assert parts.normalise is not None
    assert parts.normalise[0] == pytest.approx([np.mean(greys(parts.train)) / 255])
    batch = next(iter(DataModule(parts, 4, num_workers=0).train_dataloader()))
    assert batch["input"].dtype == torch.uint8


@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl", "json"])
def test_numbers_are_standardised_by_the_training_part(suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"table.{suffix}"
    getattr(table(), f"to_{'json' if suffix.startswith('json') else suffix}")(str(file))
    parts = HuggingFace(str(file), ["y"], target="value").load()
    assert parts.features is not None
    assert parts.features.names == ("x", "z")
    train = parts.train["input"].double()
    assert train.mean(0).tolist() == pytest.approx([0, 0], abs=1e-6)
    assert train.std(0, correction=0).tolist() == pytest.approx([1, 1])
    x = parts.train["input"][:, 0] * parts.features.scale[0] + parts.features.mean[0]
    assert torch.allclose(parts.train["target"][:, 0], 3 * x, atol=1e-3)
    assert parts.schema.mean == pytest.approx([float(parts.train["target"].mean())])
    named = HuggingFace(str(file), ["name"], feature_columns=["x"]).load()
    assert named.schema.class_names == ("a", "b")
    assert named.schema.input_shape == (1,)


def test_folders_of_images_and_of_tables(tmp_path: Path) -> None:
    for number in range(20):
        folder = tmp_path / "photos" / ("cat", "dog")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (5 + number % 3, 6), (number,) * 3).save(folder / f"{number}.png")
    parts = HuggingFace(str(tmp_path / "photos"), ["label"], image_size=4).load()
    assert parts.schema.class_names == ("cat", "dog")
    (tmp_path / "tables").mkdir()
    table(20).to_csv(str(tmp_path / "tables" / "train.csv"))
    table(10).to_csv(str(tmp_path / "tables" / "test.csv"))
    parts = HuggingFace(str(tmp_path / "tables"), ["y"], target="value").load()
    assert len(parts.test["target"]) == 10


def test_labels_in_lists_and_in_columns(tmp_path: Path) -> None:
    rows = {"x": [0.5] * 30, "tags": [[0, 2], [1], []] * 10, "p": [0, 1] * 15, "q": [True, False] * 15}
    listed = datasets.List(datasets.ClassLabel(names=["a", "b", "c"]))
    features = {
        "x": datasets.Value("float32"),
        "tags": listed,
        "p": datasets.Value("int8"),
        "q": datasets.Value("bool"),
    }
    name = saved(tmp_path, datasets.Dataset.from_dict(rows, features=datasets.Features(features)))
    parts = HuggingFace(name, ["tags"], target="multilabel").load()
    assert parts.schema.class_names == ("a", "b", "c")
    assert {tuple(row) for row in parts.train["target"].tolist()} == {(1, 0, 1), (0, 1, 0), (0, 0, 0)}
    columns = HuggingFace(name, ["p", "q"], target="multilabel", feature_columns=["x"]).load()
    assert columns.schema.class_names == ("p", "q")
    assert {tuple(row) for row in columns.train["target"].tolist()} == {(0, 1), (1, 0)}


def test_masks_are_images_too(tmp_path: Path) -> None:
    masks = [Image.fromarray(np.full((6, 8), number % 3, np.uint8)) for number in range(20)]
    pictures = [Image.fromarray(np.full((6, 8, 3), number % 3, np.uint8)) for number in range(20)]
    features = datasets.Features({"image": datasets.Image(), "mask": datasets.Image()})
    data = datasets.Dataset.from_dict({"image": pictures, "mask": masks}, features=features)
    parts = HuggingFace(saved(tmp_path, data), ["mask"], target="mask").load()
    assert parts.schema.classes == 3
    assert (parts.test[0]["target"] == parts.test[0]["input"][0]).all()


def test_what_breaks_a_rule_is_refused(tmp_path: Path) -> None:
    name = saved(tmp_path, images())
    numbers = saved(tmp_path, table(), "numbers")
    assert "data.target_columns=[label]" in refusal(name, ["lable"])
    assert "holds classes, not images" in refusal(name, image_column="label")
    assert "holds text" in refusal(numbers, ["y"], target="value", feature_columns=["name"])
    assert "data.target=text" in refusal(name, target="text")
    assert "data.download=true" in refusal("nobody/nothing")
    assert "nothing is downloaded" in refusal(name, download=True)
    assert "data.subset=null" in refusal(name, subset="a")
    (tmp_path / "a.xyz").write_text("x")
    assert "by their suffix" in refusal(str(tmp_path / "a.xyz"))
    assert "target=none" in refusal(numbers, ["y"], target="none")
    gap = table().add_column("gap", [1.0, None, *[2.0] * 38])
    assert "Row 1 of" in refusal(saved(tmp_path, gap, "gap"), ["y"], target="value")
    assert "has no value in gap" in refusal(str(tmp_path / "gap"), ["gap"], target="value", feature_columns=["x"])
    odd = images().map(lambda row: {"label": -1}, keep_in_memory=True)
    assert "has the target -1" in refusal(saved(tmp_path, odd, "hidden"))


def test_a_checkpoint_scales_by_its_own_statistics(tmp_path: Path) -> None:
    name = saved(tmp_path, table())
    parts = HuggingFace(name, ["y"], target="value").load()
    known: FittedData = FittedData.read(FittedData.of(parts, content(parts), 0).state())
    again: Parts = HuggingFace(name, ["y"], target="value").load_known(known, False)
    assert torch.equal(again.test["input"], parts.test["input"])
    other = table(10).map(lambda row: {"x": row["x"] + 1000}, keep_in_memory=True)
    new = saved(tmp_path, other, "new")
    read = HuggingFace(new, ["y"], target="value", splits={"test": "train"}).load_known(known, True)
    assert read.features == parts.features
    assert float(read.test["input"][:, 0].min()) > 50
    with pytest.raises(UserError, match="10 items; it had 40"):
        HuggingFace(new, ["y"], target="value").load_known(known, True)
