from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from lossbook.errors import Problem, UserError
from lossbook.prediction import output
from lossbook.prediction.output import Output
from lossbook.targets.rows import PredictionRows


def classes(*names: str) -> dict[str, PredictionRows]:
    values = np.array(names, dtype=object)
    share = np.linspace(0.5, 1, len(names), dtype=np.float32)
    return {"": PredictionRows(values, {"prediction": values, "confidence": share, "p_a, b": share})}


READ = {
    ".csv": lambda path: pl.read_csv(path.read_bytes()),
    ".jsonl": lambda path: pl.read_ndjson(path.read_bytes()),
    ".parquet": lambda path: pl.read_parquet(path.read_bytes()),
}


@pytest.mark.parametrize("suffix", READ)
def test_a_table_in_every_format(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"out [ü]*{suffix}"
    with Output(path) as out:
        out.add(["a,1", 'say "x"'], classes("cat", "dog"))
        assert not path.exists()  # before it is whole
        out.add(["a,1"], classes("é\n"))
    found = READ[suffix](path)
    assert found.columns == ["name", "prediction", "confidence", "p_a, b"]
    assert found["name"].to_list() == ["a,1", 'say "x"', "a,1"]
    assert found["prediction"].to_list() == ["cat", "dog", "é\n"]
    assert found["confidence"].to_list() == pytest.approx([0.5, 1, 0.5])
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_nothing_is_left_of_one_that_was_interrupted(tmp_path: Path) -> None:
    def interrupted() -> None:
        with Output(tmp_path / "out.csv") as out:
            out.add(["a"], classes("cat"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [*tmp_path.iterdir()] == []


def test_nothing_is_overwritten_unless_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("mine")
    with pytest.raises(UserError, match="overwrite=true"):
        Output(path)
    assert path.read_text() == "mine"
    with Output(path, overwrite=True) as out:
        out.add(["a"], classes("cat"))
        out.add_bad("b", Problem("b is broken", "It must be whole.", "leave it out"))
    assert pl.read_csv(path)["name"].to_list() == ["a"]
    assert pl.read_csv(tmp_path / "out.bad.csv").row(0) == ("b", "b is broken. It must be whole.", "leave it out")
    path.unlink()
    with pytest.raises(UserError, match=r"out\.bad\.csv exists"):
        Output(path)
    with Output(path, overwrite=True) as out:
        out.add(["a"], classes("cat"))
    assert [one.name for one in tmp_path.iterdir()] == ["out.csv"]  # the list was of the predictions before


def test_an_input_is_never_overwritten(tmp_path: Path) -> None:
    table, bad, image = tmp_path / "out.csv", tmp_path / "out.bad.csv", tmp_path / "out_masks" / "a.png"
    image.parent.mkdir()
    (tmp_path / "link.csv").symlink_to(table)
    rows = {"": PredictionRows(np.zeros((1, 2, 2)), images=[Image.new("L", (2, 2))])}

    def write(*inputs: Path) -> None:
        with Output(table, True, inputs) as out:
            out.add(["a"], rows)

    for path in (table, bad, image):
        path.write_text("mine")
        with pytest.raises(UserError, match="is an input"):
            write(tmp_path / "other.csv", path)
        assert path.read_text() == "mine"
    with pytest.raises(UserError, match="is an input"):
        Output(table, True, [tmp_path / "link.csv"])
    write(tmp_path / "out.csv.png", tmp_path / "out_masks2" / "a.png")
    assert image.read_bytes() != b"mine"


@pytest.mark.parametrize(
    ("path", "said"),
    [("nowhere/out.csv", "no folder"), ("out.xlsx", "suffix"), ("out", "suffix"), ("folder.csv", "exists")],
)
def test_where_nothing_can_be_written(path: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(UserError, match=said):
        Output(tmp_path / path)
    with pytest.raises(UserError, match="This is a folder"):
        Output(tmp_path / "folder.csv", overwrite=True)


def test_masks_are_files_of_their_own_whatever_the_names(tmp_path: Path) -> None:
    masks = np.arange(5 * 4 * 3).reshape(5, 4, 3) % 3
    names = ["a/x.jpg", "a/x.png", "a/x.png", "../../etc/passwd", "/abs/y.PNG"]
    images = [Image.fromarray(mask.astype(np.uint8)) for mask in masks]
    share = np.ones(5, np.float32)
    with Output(tmp_path / "out.csv") as out:
        out.add(names, {"": PredictionRows(masks, {"confidence": share}, images=images)})
    table = pl.read_csv(tmp_path / "out.csv")
    assert table.columns == ["name", "prediction", "confidence"]
    assert table["name"].to_list() == names
    assert table["prediction"].to_list() == [
        "out_masks/a/x.png", "out_masks/a/x.png.png", "out_masks/a/x.png-2.png", "out_masks/etc/passwd.png",
        "out_masks/abs/y.png",
    ]  # fmt: skip
    for place, mask in zip(table["prediction"], masks, strict=True):
        assert (np.asarray(Image.open(tmp_path / place)) == mask).all()
    assert len([*tmp_path.iterdir()]) == 2


def test_embeddings_are_files_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "_MOST_VECTORS", 4)
    values = np.random.default_rng(0).normal(size=(11, 3)).astype(np.float32)
    with Output(tmp_path / "out.jsonl") as out:
        for start in range(0, 11, 3):
            chunk = values[start : start + 3]
            rows = {"left": PredictionRows(chunk, vectors=True)}
            out.add([f"n{start + place}" for place in range(len(chunk))], rows)
    table = pl.read_ndjson(tmp_path / "out.jsonl")
    assert table.columns == ["name", "left_file", "left_row"]
    for (name, file, row), value in zip(table.iter_rows(), values, strict=True):
        with np.load(tmp_path / file) as read:
            assert (read["embeddings"][row] == value).all()
            assert read["names"][row] == name
    assert sorted(one.name for one in (tmp_path / "out_left_embeddings").iterdir()) == ["0.npz", "1.npz", "2.npz"]


def test_other_files_in_a_folder_of_masks_stay(tmp_path: Path) -> None:
    (tmp_path / "out_masks").mkdir()
    (tmp_path / "out_masks" / "mine.txt").write_text("mine")
    rows = {"": PredictionRows(np.zeros((1, 2, 2)), {}, images=[Image.new("L", (2, 2))])}
    with pytest.raises(UserError, match="out_masks exists"), Output(tmp_path / "out.csv") as out:
        out.add(["a"], rows)
    with Output(tmp_path / "out.csv", overwrite=True) as out:
        out.add(["a"], rows)
    assert sorted(one.name for one in (tmp_path / "out_masks").iterdir()) == ["a.png", "mine.txt"]


def test_where_nothing_was_predicted_nothing_is_written(tmp_path: Path) -> None:
    with Output(tmp_path / "out.csv") as out:
        out.add_bad("b", Problem("b is broken", "It must be whole."))
    assert [*tmp_path.iterdir()] == []
