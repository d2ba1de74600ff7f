"""A user's own pairs and triplets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lossbook.data.digests import content
from lossbook.data.fitted import FittedData
from lossbook.data.source import PARTS, sample_count
from lossbook.data.tuples.source import TupleTable
from lossbook.data.tuples.vectors import VectorReader
from lossbook.errors import UserError

PAIR, TRIPLET = ("first", "second"), ("anchor", "positive", "negative")


def paint(folder: Path, count: int = 20) -> list[str]:
    """Images of one grey each: number x 10."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        Image.new("RGB", (9, 7), (number * 10,) * 3).save(folder / f"i {number}.png")
    return [f"i {number}.png" for number in range(count)]


def write(path: Path, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(",".join(map(str, row)) for row in (columns, *rows)) + "\n")
    return str(path)


def pairs(folder: Path, count: int = 20) -> str:
    names = paint(folder, count)
    rows = [(names[place], names[(place + 1) % count], place % 2, place // 2) for place in range(count)]
    return write(folder / "pairs.csv", (*PAIR, "same", "who"), rows)


def test_pairs_of_images(tmp_path: Path) -> None:
    root = pairs(tmp_path)
    parts = TupleTable(root, "pair", PAIR, "same", image_size=8).load()
    assert [sample_count(getattr(parts, name)) for name in PARTS] == [14, 3, 3]
    assert (parts.schema.target, parts.schema.input_shape) == ("pair", (3, 8, 8))
    assert parts.rows is not None
    for name in PARTS:
        part = getattr(parts, name)
        for place, row in enumerate(parts.rows[name]):
            first, second = part[place]["input"]
            assert (int(first[0, 0, 0]), int(second[0, 0, 0])) == (row * 10, (row + 1) % 20 * 10)
            assert part[place]["target"] == row % 2
    assert any("inputs of test samples are also in samples of train" in note for note in parts.notes)
    assert parts.reader is not None
    assert parts.reader.kind == "image"


def test_groups_folds_and_a_split_file(tmp_path: Path) -> None:
    root = pairs(tmp_path)
    tested: list[int] = []
    for fold in range(4):
        parts = TupleTable(root, "pair", PAIR, "same", image_size=8, group_column="who", folds=4, fold=fold).load()
        assert parts.rows is not None
        tested += parts.rows["test"].tolist()
        assert not set(parts.rows["test"] // 2) & set(parts.rows["train"] // 2)
    assert sorted(tested) == list(range(20))
    split = write(
        tmp_path / "split.csv", ("row", "part"), [(row, "train" if row < 15 else "test") for row in range(20)]
    )
    parts = TupleTable(root, "pair", PAIR, "same", image_size=8, split=split).load()
    assert parts.rows is not None
    assert sorted(parts.rows["test"]) == list(range(15, 20))


def test_triplets_from_a_folder_of_parts(tmp_path: Path) -> None:
    names = paint(tmp_path / "photos")
    for part, count in (("train", 10), ("valid", 3), ("test", 4)):
        rows = [(names[row], names[row + 1], names[row + 2]) for row in range(count)]
        write(tmp_path / "lists" / f"{part}.csv", TRIPLET, rows)
    source = TupleTable(str(tmp_path / "lists"), "triplet", TRIPLET, folder=str(tmp_path / "photos"), image_size=8)
    parts = source.load()
    assert [len(getattr(parts, name)) for name in PARTS] == [10, 3, 4]
    assert parts.schema.target == "triplet"
    assert "target" not in parts.train[0]
    assert len(parts.train[0]["input"]) == 3


def test_vectors_in_files_and_in_columns_are_the_same(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    vectors = random.normal(size=(20, 2)).astype(np.float32)
    for place, vector in enumerate(vectors):
        np.save(tmp_path / f"{place}.npy", vector)
    of_files = [(f"{place}.npy", f"{(place + 1) % 20}.npy", place % 2) for place in range(20)]
    numbers = [(*vectors[place], *vectors[(place + 1) % 20], place % 2) for place in range(20)]
    one = TupleTable(write(tmp_path / "files.csv", (*PAIR, "same"), of_files), "pair", PAIR, "same").load()
    columns = [["a1", "a2"], ["b1", "b2"]]
    root = write(tmp_path / "numbers.csv", ("a1", "a2", "b1", "b2", "same"), numbers)
    other = TupleTable(root, "pair", columns, "same").load()
    assert one.schema.input_shape == (2,)
    for name in PARTS:
        for first, second in zip(getattr(one, name)["input"], getattr(other, name)["input"], strict=True):
            assert torch.allclose(first, second)
        assert torch.equal(getattr(one, name)["target"], getattr(other, name)["target"])
    with pytest.raises(UserError, match=r"data\.image_size=8\n.*vectors"):
        TupleTable(root, "pair", columns, "same", image_size=8).load()


def test_broken_files_are_all_named_or_left_out(tmp_path: Path) -> None:
    root = pairs(tmp_path)
    (tmp_path / "i 3.png").write_bytes(b"")
    (tmp_path / "i 9.png").unlink()
    with pytest.raises(UserError, match=r"2 of 20 images cannot be used"):
        TupleTable(root, "pair", PAIR, "same", image_size=8).load()
    parts = TupleTable(root, "pair", PAIR, "same", image_size=8, on_bad="skip").load()
    assert parts.rows is not None
    assert sorted(np.concatenate(list(parts.rows.values()))) == sorted({*range(20)} - {2, 3, 8, 9})
    assert "4 of 20 samples are left out with them" in parts.notes
    for place, row in enumerate(parts.rows["train"]):
        assert int(parts.train[place]["input"][0][0, 0, 0]) == row * 10


def test_broken_vectors(tmp_path: Path) -> None:
    for place in range(10):
        np.save(tmp_path / f"{place}.npy", np.ones(3 if place != 4 else 2))
    np.save(tmp_path / "7.npy", np.ones((2, 2)))
    rows = [(f"{place}.npy", f"{(place + 1) % 10}.npy", place % 2) for place in range(10)]
    root = write(tmp_path / "t.csv", (*PAIR, "same"), rows)
    with pytest.raises(UserError, match=r"2 of 10 vectors(.|\n)*4\.npy \(holds 2 numbers, not 3\)"):
        TupleTable(root, "pair", PAIR, "same").load()
    parts = TupleTable(root, "pair", PAIR, "same", on_bad="skip", fractions=[0.5, 0.25, 0.25]).load()
    assert sum(sample_count(getattr(parts, name)) for name in PARTS) == 6


def test_what_does_not_fit(tmp_path: Path) -> None:
    root = pairs(tmp_path)
    with pytest.raises(UserError, match="Each of the 3 inputs of a triplet"):
        TupleTable(root, "triplet", PAIR).load()
    with pytest.raises(UserError, match=r"train\.csv, test\.csv"):
        TupleTable(str(tmp_path), "pair", PAIR, "same").load()
    with pytest.raises(UserError, match="cannot be read"):
        TupleTable(str(tmp_path / "none.csv"), "pair", PAIR, "same").load()
    mixed = write(tmp_path / "mixed.csv", (*PAIR, "same"), [("a.npy", "i 1.png", 1)])
    with pytest.raises(UserError, match=r"names 1 \.npy files and others"):
        TupleTable(mixed, "pair", PAIR, "same").load()


@pytest.mark.parametrize("kind", ["images", "vectors"])
def test_a_checkpoint_keeps_its_parts(tmp_path: Path, kind: str) -> None:
    if kind == "images":
        source = TupleTable(pairs(tmp_path), "pair", PAIR, "same", image_size=8)
    else:
        rows = [(place, -place, place % 2) for place in range(20)]
        source = TupleTable(write(tmp_path / "t.csv", ("a", "b", "same"), rows), "pair", [["a"], ["b"]], "same")
    parts = source.load()
    known = FittedData.read(FittedData.of(parts, content(parts), 0).state())
    assert known.reader == parts.reader
    again = source.load_known(known, False)
    assert parts.rows is not None
    assert again.rows is not None
    assert {name: rows.tolist() for name, rows in again.rows.items()} == {
        name: rows.tolist() for name, rows in parts.rows.items()
    }
    tested = source.load_known(known, True)
    assert tested.rows is not None
    assert sorted(tested.rows["test"]) == sorted(parts.rows["test"])


def test_vectors_are_read_later(tmp_path: Path) -> None:
    reader = VectorReader(2)
    np.save(tmp_path / "a.npy", np.array([1, 2]))
    np.save(tmp_path / "b.npy", np.array([1, 2, 3]))
    found = reader.files([tmp_path / "b.npy", tmp_path / "a.npy"], ["b.npy", "a.npy"])
    assert list(found.names) == ["a.npy"]
    assert found.part["input"].tolist() == [[1, 2]]  # type: ignore[index]
    assert "holds 3 numbers, not 2" in found.bad[0].given
    assert reader.objects([1.0, 2.0]).part["input"].tolist() == [[1, 2]]  # type: ignore[index]
    for wrong in ([[1.0]], "text", [[float("nan"), 1.0]]):
        with pytest.raises(UserError, match=r"shape \(N, 2\)"):
            reader.objects(wrong)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["pairs", "triplets", "vectors"])
def test_it_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    import lossbook

    monkeypatch.chdir(tmp_path)
    loss, given = "cosine_embedding", ["data=pairs", f"data.root={pairs(tmp_path / 'own')}", "data.image_size=16"]
    if kind == "triplets":
        names = paint(tmp_path / "own")
        rows = [(names[place], names[(place + 1) % 20], names[(place + 9) % 20]) for place in range(20)]
        root = write(tmp_path / "own" / "t.csv", TRIPLET, rows)
        loss, given = "triplet_margin", ["data=triplets", f"data.root={root}", "data.image_size=16"]
    if kind == "vectors":
        root = write(tmp_path / "t.csv", ("a", "b", "same"), [(place, -place, place % 2) for place in range(20)])
        given = ["data=pairs", f"data.root={root}", "data.columns=[[a],[b]]", "model=mlp"]
    config = lossbook.compose(f"loss={loss}", *given, "trainer.max_epochs=1")
    assert np.isfinite(lossbook.train(config, tmp_path / "run")["test/loss"])
