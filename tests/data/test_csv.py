from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.preprocessing import StandardScaler

from lossbook.data.csv import Csv
from lossbook.errors import UserError

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
    parts = Csv(write(tmp_path / "t.csv"), "class", "kind", ["size", "rooms"]).load()
    assert parts.schema.class_names == ("2", "10", "flat")
    assert parts.schema.class_counts == (14, 7, 7)
    assert parts.schema.input_shape == (2,)
    assert [len(part["target"]) for part in (parts.train, parts.val, parts.test)] == [28, 6, 6]
    assert parts.train["target"].dtype == torch.int64


def test_features_are_standardised_by_the_training_part_and_rows_stay_together(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", size=list(range(ROWS)), price=list(range(ROWS)))
    parts = Csv(path, "value", ["price"], ["size", "rooms"]).load()
    price = parts.train["target"].numpy()
    np.testing.assert_allclose(parts.train["input"][:, :1], StandardScaler().fit_transform(price), atol=1e-6)
    expected = StandardScaler().fit(price).transform(parts.test["target"].numpy())
    np.testing.assert_allclose(parts.test["input"][:, :1], expected, atol=1e-6)
    assert (parts.schema.width, parts.schema.mean) == (1, pytest.approx((price.mean(),)))


def test_counts_labels_and_several_values(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv")
    features = ["size"]
    counts = Csv(path, "count", "rooms", features).load()
    labels = Csv(path, "multilabel", ["garden", "lift"], features).load()
    values = Csv(path, "value", ["price", "rooms"], features).load()
    assert (counts.schema.target, counts.schema.width, counts.train["target"].shape) == ("count", 1, (28, 1))
    assert (labels.schema.classes, labels.schema.class_names) == (2, ("garden", "lift"))
    assert set(labels.train["target"].unique().tolist()) == {0, 1}
    assert (values.schema.width, values.train["target"].shape) == (2, (28, 2))


def test_all_other_columns_are_features_unless_named(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", kind=[1, 2] * (ROWS // 2))
    assert Csv(path, "value", "price").load().schema.input_shape == (5,)


def test_a_folder_brings_its_own_parts(tmp_path: Path) -> None:
    for part, rows in (("train", 40), ("val", 8), ("test", 12)):
        write(tmp_path / f"{part}.csv", rows)
    parts = Csv(str(tmp_path), "class", "kind", ["size"]).load()
    assert [len(part["target"]) for part in (parts.train, parts.val, parts.test)] == [40, 8, 12]
    assert parts.test["target"].tolist() == [1, 0, 2, 0] * 3
    write(tmp_path / "val.csv", 8, kind=["2", "attic"] * 4)
    with pytest.raises(UserError, match=r"val.csv: column kind holds attic"):
        Csv(str(tmp_path), "class", "kind", ["size"]).load()
    (tmp_path / "val.csv").write_text("size,kind\n1,2\n")
    with pytest.raises(UserError, match=r"val.csv has other columns than"):
        Csv(str(tmp_path), "class", "kind", ["size"]).load()
    (tmp_path / "val.csv").unlink()
    with pytest.raises(UserError, match=r"val.csv cannot be read"):
        Csv(str(tmp_path), "class", "kind", ["size"]).load()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("mask", "kind"), "data.target=mask"),
        (("class", ["kind", "rooms"]), "Classes stand in one column"),
        (("value", []), "A target has at least one column"),
        (("value", "prize"), r"(?s)no column prize.*price\?"),
        (("value", "price", ["size", "price"]), "A target must not be a feature"),
        (("value", "price", []), "has no feature"),
        (("value", "price"), "line 4: kind is 'flat'"),
        (("value", "kind", ["size"]), "line 4: kind is 'flat'"),
        (("count", "price", ["size"]), "(?s)line 2: price=.*whole"),
        (("multilabel", ["garden", "rooms"], ["size"]), "(?s)rooms=.*A label is 0 or 1"),
        (("class", "size", ["price"]), "holds 40 different classes in 40 rows"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, arguments: tuple, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Csv(write(tmp_path / "t.csv"), *arguments).load()


def test_targets_that_teach_nothing_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", kind=["flat"] * ROWS, price=[3] * ROWS)
    with pytest.raises(UserError, match="column kind holds one class, flat"):
        Csv(path, "class", "kind", ["size"]).load()
    with pytest.raises(UserError, match="column price is 3 in every row"):
        Csv(path, "value", "price", ["size"]).load()


def test_too_few_rows_are_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("size,price\n1,2\n2,3\n")
    with pytest.raises(UserError, match="a set of 2 samples"):
        Csv(str(tmp_path / "t.csv"), "value", "price").load()
