from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossbook.data.csv_classes import absent_classes, class_indices, class_names, missing_labels, similar_names
from lossbook.data.csv_table import Table
from lossbook.errors import UserError


def table(*labels: str, path: str = "t.csv") -> Table:
    return Table(Path(path), ["y"], [[label] for label in labels], list(range(2, len(labels) + 2)))


@pytest.mark.parametrize("label", ["", "nan", "NaN", "NA", "null", "None", "<NA>", " "])
def test_a_missing_label_is_no_class(label: str) -> None:
    (fault,) = missing_labels(table("a", label, "b", label), "y")
    assert fault.lines == [3, 5]
    assert ("missing value written as text" in fault.rule) == bool(label.strip())


def test_numbers_come_in_order_before_texts() -> None:
    assert class_names(table("b", "10", "2", "-1", "1e999", "a", "1_0", "inf"), "y") == [
        *("-1", "2", "10", "1e999"),
        *("1_0", "a", "b", "inf"),
    ]


@given(st.lists(st.sampled_from(["nan", "inf", "1", "2", "10", "1e999", "-inf", "x", "1_0", "١"]), min_size=12))
def test_the_order_depends_on_the_names_alone(labels: list[str]) -> None:
    if len(set(labels)) > 1:
        assert class_names(table(*labels), "y") == class_names(table(*reversed(labels)), "y")


def test_numbers_of_many_digits_are_classes_of_their_own() -> None:
    assert class_names(table("12345678901234567891", "12345678901234567890"), "y")[0].endswith("0")
    with pytest.raises(UserError, match=r"holds both 01 and 1, 2 and 2\.0"):
        class_names(table("1", "01", "2.0", "2"), "y")


def test_classes_that_the_training_part_lacks_are_told_with_their_lines() -> None:
    parts = table("a", "b"), table("a", "c", "d", "c", path="val.csv")
    with pytest.raises(UserError) as caught:
        class_indices(parts, "y", ["a", "b"], known=False)
    assert [problem.given for problem in caught.value.problems] == [
        "val.csv line 3: column y holds c; likewise line 5",
        "val.csv line 4: column y holds d",
    ]
    assert [part.tolist() for part in class_indices(parts, "y", list("abcd"), known=False)] == [[0, 1], [0, 2, 3, 2]]


def test_names_that_look_alike_are_said() -> None:
    read = table("cat", "Cat", "dog ", "dog", "d\u200bog", "\u00e9", "e\u0301", "bird")
    alike, padded = similar_names(read, "y", sorted(set(read.cells("y"))))
    assert "'cat'" in alike
    assert "'Cat'" in alike
    assert r"'d\u200bog'" in alike
    assert "bird" not in alike
    assert padded.endswith("'dog '")
    assert list(similar_names(table("a", "b"), "y", ["a", "b"])) == []


def test_parts_that_lack_classes_are_said() -> None:
    parts = {"train": np.array([0, 1, 2]), "val": np.array([1]), "test": np.array([0, 1, 2])}
    assert absent_classes("abc", parts) == ["not every part has a row of each class: val lacks a, c"]
    assert absent_classes("abc", {"train": np.arange(3)}) == []
