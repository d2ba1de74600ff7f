from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.preprocessing import StandardScaler

import lossbook
from lossbook.build import build
from lossbook.config.resolve import plain
from lossbook.data.tables import columns, extremes
from lossbook.data.tables.source import TableSource
from lossbook.errors import UserError
from lossbook.trust import OWN_CONFIG

ROWS = 40


def write(path: Path, rows: int = ROWS, **changes: list[object]) -> str:
    random = np.random.default_rng(0)
    columns: dict[str, object] = {
        "size": random.normal(100, 20, rows),
        "rooms": random.integers(1, 6, rows),
        "price": random.normal(5, 1, rows),
        "kind": ["10", "2", "flat", "2"] * (rows // 4),
        "garden": [0, 1] * (rows // 2),
        "lift": [0, 0, 1, 1] * (rows // 4),
        **changes,
    }
    lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def test_classes_of_any_names(tmp_path: Path) -> None:
    parts = TableSource(write(tmp_path / "t.csv"), "class", "kind", ["size", "rooms"]).load()
    assert parts.schema.class_names == ("2", "10", "flat")
    assert parts.schema.class_counts == (14, 7, 7)
    assert parts.schema.input_shape == (2,)
    assert [len(part["target"]) for part in (parts.train, parts.val, parts.test)] == [28, 6, 6]
    assert parts.train["target"].dtype == torch.int64


def test_features_are_standardised_by_the_training_part_and_rows_stay_together(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", size=list(range(ROWS)), price=list(range(ROWS)))
    parts = TableSource(path, "value", ["price"], ["size", "rooms"]).load()
    price = parts.train["target"].numpy()
    np.testing.assert_allclose(parts.train["input"][:, :1], StandardScaler().fit_transform(price), atol=1e-6)
    expected = StandardScaler().fit(price).transform(parts.test["target"].numpy())
    np.testing.assert_allclose(parts.test["input"][:, :1], expected, atol=1e-6)
    assert (parts.schema.width, parts.schema.mean) == (1, pytest.approx((price.mean(),)))


def test_counts_labels_and_several_values(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv")
    features = ["size"]
    counts = TableSource(path, "count", "rooms", features).load()
    labels = TableSource(path, "multilabel", ["garden", "lift"], features).load()
    values = TableSource(path, "value", ["price", "rooms"], features).load()
    assert (counts.schema.target, counts.schema.width, counts.train["target"].shape) == ("count", 1, (28, 1))
    assert (labels.schema.classes, labels.schema.class_names) == (2, ("garden", "lift"))
    assert set(labels.train["target"].unique().tolist()) == {0, 1}
    assert (values.schema.width, values.train["target"].shape) == (2, (28, 2))


def test_all_other_columns_are_features_unless_named(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", kind=[1, 2] * (ROWS // 2))
    assert TableSource(path, "value", "price").load().schema.input_shape == (5,)


def test_a_folder_brings_its_own_parts(tmp_path: Path) -> None:
    for part, rows in (("train", 40), ("val", 8), ("test", 12)):
        write(tmp_path / f"{part}.csv", rows)
    parts = TableSource(str(tmp_path), "class", "kind", ["size"]).load()
    assert [len(part["target"]) for part in (parts.train, parts.val, parts.test)] == [40, 8, 12]
    assert sorted(parts.test["target"].tolist()) == [0] * 6 + [1] * 3 + [2] * 3
    write(tmp_path / "val.csv", 8, kind=["2", "attic"] * 4)
    with pytest.raises(UserError, match=r"val.csv line 3: column kind holds attic; likewise lines 5, 7, 9\n"):
        TableSource(str(tmp_path), "class", "kind", ["size"]).load()
    (tmp_path / "val.csv").write_text("size,kind\n1,2\n")
    with pytest.raises(UserError, match=r"val.csv has different columns from"):
        TableSource(str(tmp_path), "class", "kind", ["size"]).load()
    (tmp_path / "val.csv").unlink()
    parts = TableSource(str(tmp_path), "class", "kind", ["size"]).load()
    assert [len(part["target"]) for part in (parts.train, parts.val, parts.test)] == [34, 6, 12]
    assert any("without a file for val" in note for note in parts.notes)
    (tmp_path / "test.csv").unlink()
    with pytest.raises(UserError, match=r"test.csv cannot be read"):
        TableSource(str(tmp_path), "class", "kind", ["size"]).load()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("mask", "kind"), "data.target=mask"),
        (("class", ["kind", "rooms"]), "A class target has one column"),
        (("value", []), "A target has at least one column"),
        (("value", "prize"), r"(?s)no column prize.*price\?"),
        (("value", "price", ["size", "price"]), "A target must not be a feature"),
        (("value", "price", []), "has no feature"),
        (("value", "kind", ["size"]), "line 4: kind is 'flat'"),
        (("count", "price", ["size"]), "(?s)line 2: price is .*whole"),
        (("multilabel", ["garden", "rooms"], ["size"]), "(?s)rooms is .*A label must be 0 or 1"),
        (("class", "size", ["price"]), "holds 40 different classes in 40 rows"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, arguments: tuple, message: str) -> None:
    with pytest.raises(UserError, match=message):
        TableSource(write(tmp_path / "t.csv"), *arguments).load()


def test_a_table_of_one_row_and_a_column_of_one_text(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match=r"one.csv has 1 row\n"):
        TableSource(str(tmp_path / "one.csv"), "class", "b").load()
    (tmp_path / "red.csv").write_text("a,b\n" + "1,red\n" * 9)
    with pytest.raises(UserError) as caught:
        TableSource(str(tmp_path / "red.csv"), "class", "b").load()
    assert caught.value.problems[0].fix == "data.target_columns=[ANOTHER]"  # a text is no value


def test_targets_that_teach_nothing_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", kind=["flat"] * ROWS, price=[3] * ROWS)
    with pytest.raises(UserError, match="column kind holds one class, flat"):
        TableSource(path, "class", "kind", ["size"]).load()
    with pytest.raises(UserError, match="column price is 3 in every row"):
        TableSource(path, "value", "price", ["size"]).load()


def test_given_parts_are_mixed_by_the_seed_and_rows_stay_together(tmp_path: Path) -> None:
    for part in ("train", "val", "test"):
        write(tmp_path / f"{part}.csv", price=list(range(ROWS)), size=list(range(0, 5 * ROWS, 5)))
    parts = TableSource(str(tmp_path), "value", "price", ["size"]).load()
    for part in (parts.train, parts.val, parts.test):
        price = part["target"].flatten()
        assert sorted(price.tolist()) == list(range(ROWS))
        assert price[:10].max() >= 20  # data.limit would keep the ten cheapest otherwise
        np.testing.assert_allclose(part["input"].flatten(), (price - 19.5) / np.arange(ROWS).std(), atol=1e-5)
    again, other = (TableSource(str(tmp_path), "value", "price", ["size"], seed=seed).load() for seed in (0, 1))
    assert torch.equal(parts.train["target"], again.train["target"])
    assert not torch.equal(parts.train["target"], other.train["target"])


def test_a_given_part_of_one_row_need_not_vary(tmp_path: Path) -> None:
    for part, rows in (("train", 40), ("val", 4), ("test", 4)):
        write(tmp_path / f"{part}.csv", rows, price=[7] * rows if part == "test" else list(range(rows)))
    (tmp_path / "val.csv").write_text("".join((tmp_path / "val.csv").read_text().splitlines(keepends=True)[:2]))
    parts = TableSource(str(tmp_path), "value", "price", ["size"]).load()
    assert parts.val["target"].tolist() == [[0]]
    assert parts.test["target"].tolist() == [[7]] * 4


@pytest.mark.parametrize("kind", ["value", "count"])
def test_targets_that_float32_cannot_tell_apart_are_refused(tmp_path: Path, kind: str) -> None:
    # float32 has 24 bits: from 2**30 to 2**31 its steps of 128, from 2**23 to 2**24 they are 1
    random = np.random.default_rng(0)
    near = random.integers(-22, 23, ROWS)
    path = write(tmp_path / "t.csv", price=list(1_700_000_000 + near))
    with pytest.raises(UserError, match=r"(?s)price holds numbers up to 1.7e\+09.*steps of 128.*subtract an offset"):
        TableSource(path, kind, "price", ["size"]).load()
    with pytest.raises(UserError, match=r"it resolves steps of 1\."):
        TableSource(write(tmp_path / "t.csv", price=list(9_000_000 + near)), kind, "price", ["size"]).load()
    TableSource(write(tmp_path / "t.csv", price=list(9_000_000 + 100 * near**2)), kind, "price", ["size"]).load()


def test_targets_beyond_float32_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", price=[f"{row}e38" for row in range(ROWS)])
    with pytest.raises(
        UserError, match=r"(?s)line 6: price is '4e38'; likewise lines 7, .* and 16 more.*below 3\.4e\+38"
    ):
        TableSource(path, "value", "price", ["size"]).load()


def test_features_far_from_zero_keep_their_differences(tmp_path: Path) -> None:
    far = [1_700_000_000 + row for row in range(ROWS)]
    parts = TableSource(write(tmp_path / "t.csv", size=far, price=list(range(ROWS))), "value", "price", ["size"]).load()
    expected = StandardScaler().fit_transform(parts.train["target"].numpy())
    np.testing.assert_allclose(parts.train["input"], expected, atol=1e-5)


def test_columns_may_be_called_by_numbers(tmp_path: Path) -> None:
    years = {"2019": list(range(ROWS)), "2020": list(range(ROWS))}
    path = write(tmp_path / "t.csv", **years)
    for given in ([2020], 2020, "2020"):  # Hydra reads [2020] as a number
        parts = TableSource(path, "value", given, [2019]).load()
        assert (parts.schema.width, parts.schema.input_shape) == (1, (1,))
    assert TableSource(path, "value", [2020], [2019, "size"]).load().schema.input_shape == (2,)
    with pytest.raises(UserError, match="A target must not be a feature"):
        TableSource(path, "value", [2020], ["2020"]).load()


def test_one_class_spelt_in_two_ways_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", kind=["1", "2", "1.0", "2"] * (ROWS // 4))
    with pytest.raises(UserError, match=r"holds both 1 and 1.0\n  They are the same number"):
        TableSource(path, "class", "kind", ["size"]).load()
    path = write(tmp_path / "t.csv", kind=["1", "1_0", "10", "inf"] * (ROWS // 4))  # to Python 1_0 is 10, to a user not
    assert len(TableSource(path, "class", "kind", ["size"]).load().schema.class_names) == 4


def test_too_few_rows_are_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("size,price\n1,2\n2,3\n")
    with pytest.raises(UserError, match=r"t.csv has 2 rows"):
        TableSource(str(tmp_path / "t.csv"), "value", "price").load()


def test_an_index_that_pandas_wrote_is_left_out_and_said(tmp_path: Path) -> None:
    rows = [(random, "ab"[row > ROWS // 2]) for row, random in enumerate(np.random.default_rng(0).normal(size=ROWS))]
    (tmp_path / "t.csv").write_text("noise,y\n" + "".join(f"{noise},{kind}\n" for noise, kind in rows))
    plain = TableSource(str(tmp_path / "t.csv"), "class", "y").load()
    (tmp_path / "t.csv").write_text(",noise,y\n" + "".join(f"{i},{n},{kind}\n" for i, (n, kind) in enumerate(rows)))
    indexed = TableSource(str(tmp_path / "t.csv"), "class", "y").load()
    assert torch.equal(plain.train["input"], indexed.train["input"])
    assert [note for note in plain.notes if "left out" in note] == []
    assert "left out:     column 1, which has no name (row numbers)" in indexed.notes[0]


@pytest.mark.parametrize("part", ["train", "val", "test"])
def test_numbers_of_another_size_are_refused_in_every_part(tmp_path: Path, part: str) -> None:
    for name in ("train", "val", "test"):
        write(tmp_path / f"{name}.csv")
    TableSource(str(tmp_path), "class", "kind", ["size", "price"]).load()
    random = np.random.default_rng(0).normal(size=ROWS)
    write(tmp_path / f"{part}.csv", price=["1e39", *random[1:]])
    with pytest.raises(UserError, match=rf"(?s){part}.csv line 2: price is '1e39'\n.*below 3.4e\+38"):
        TableSource(str(tmp_path), "class", "kind", ["size", "price"]).load()
    if part != "train":  # there it is part of the deviation
        write(tmp_path / f"{part}.csv", price=[*random[1:], "-1e15"])
        for kind, target, features in (("class", "kind", ["size", "price"]), ("value", "price", ["size"])):
            with pytest.raises(UserError, match=rf"(?s){part}.csv line 41: price is '-1e15'\n.*mean is 5"):
                TableSource(str(tmp_path), kind, target, features).load()
        write(tmp_path / f"{part}.csv", price=[*random[1:], "-1e6"])
        _, note = TableSource(str(tmp_path), "class", "kind", ["size", "price"]).load().notes
        assert f"{part}.csv line 41: price is '-1e6'" in note


def test_tiny_numbers_are_standardised_like_others(tmp_path: Path) -> None:
    size = np.random.default_rng(1).normal(size=ROWS)
    tiny, usual = (
        TableSource(
            write(tmp_path / "t.csv", size=[f"{x:.6f}{exponent}" for x in size]), "class", "kind", ["size"]
        ).load()
        for exponent in ("e-200", "")
    )
    np.testing.assert_allclose(tiny.train["input"], usual.train["input"], rtol=1e-6)


def test_classes_that_parts_lack_are_said(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", kind=["flat", *["house", "hut"] * (ROWS // 2)][:ROWS])
    _, note = TableSource(path, "class", "kind", ["size"]).load().notes
    assert note.startswith("not every part has a row of each class: ")
    assert note.count("lacks flat") == 2


def test_the_order_of_classes_does_not_depend_on_the_process(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", kind=["1", "10", "2", "nan"] * (ROWS // 4))
    with pytest.raises(UserError, match=r"line 5: kind is 'nan'; likewise lines 9, .*, 41\n.*missing value"):
        TableSource(path, "class", "kind", ["size"]).load()
    names = ["inf", "1e999", "-1", "10", "2", "١", "Nan"]
    path = write(tmp_path / "t.csv", kind=(names * ROWS)[:ROWS])
    assert TableSource(path, "class", "kind", ["size"]).load().schema.class_names == (
        "-1",
        "2",
        "10",
        "1e999",
        "Nan",
        "inf",
        "١",
    )


def test_parts_with_other_columns_say_which(tmp_path: Path) -> None:
    for name in ("train", "val", "test"):
        write(tmp_path / f"{name}.csv")
    (tmp_path / "val.csv").write_text("size,attic\n1,2\n")
    with pytest.raises(UserError) as caught:
        TableSource(str(tmp_path), "class", "kind", ["size"]).load()
    assert [problem.rule.partition("; ")[2] for problem in caught.value.problems] == [
        "it lacks garden, kind, lift, price, rooms, and it also has attic.",
    ]


@pytest.mark.parametrize("root", [None, True, ["a"], "", "no\0where", "~nobody-of-this-name/x.csv", "x" * 5000])
def test_what_is_no_path_is_refused(root: object) -> None:
    with pytest.raises(UserError, match=r"data\.root"):
        TableSource(root, "class", "kind").load()  # type: ignore[arg-type]


def test_a_file_may_be_called_by_a_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "2020")
    assert TableSource(2020, "class", "kind", ["size"]).load().schema.classes == 3  # type: ignore[arg-type]


def test_a_single_feature_is_named_by_a_text(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b,y\n" + "".join(f"{row * 0.5},{row % 3},{'pq'[row % 2]}\n" for row in range(20)))
    config = lossbook.compose("data=csv", f"data.root={path}", "data.target_columns=y", "data.feature_columns=b")
    source = build(plain(config)["data"]["source"], trust=OWN_CONFIG)
    assert source.load().schema.input_shape == (1,)


def test_reading_takes_little_more_memory_than_the_inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    frame = pl.DataFrame({f"x{n}": random.standard_normal(10_000).astype(np.float32) for n in range(64)})
    frame.with_columns(y=pl.col("x0") + 1).write_parquet(tmp_path / "t.parquet")
    for module in (columns, extremes):
        monkeypatch.setattr(module, "BLOCK", 1000)
    tracemalloc.start()
    parts = TableSource(str(tmp_path / "t.parquet"), "value", "y").load()
    most = tracemalloc.get_traced_memory()[1]  # of NumPy and Python; polars has a column or two beside it
    tracemalloc.stop()
    assert parts.schema.input_shape == (64,)
    assert most < 1.3 * 10_000 * 64 * 4
