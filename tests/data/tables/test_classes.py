from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lossbook.data.tables.bad_rows import BadRows
from lossbook.data.tables.classes import absent_classes, class_indices, class_names, similar_names
from lossbook.data.tables.columns import present
from lossbook.data.tables.table import Table
from lossbook.errors import UserError

Texts = Callable[..., Table]


def names(table: Table) -> list[str]:
    return class_names(table, "y", present(table.column("y")))


@pytest.mark.parametrize("label", ["", "nan", "NaN", "NA", "null", "None", "<NA>", " "])
def test_a_missing_label_is_no_class(texts: Texts, label: str) -> None:
    bad = BadRows([texts({"y": ["a", label, "b", label]})])
    class_indices(bad.tables, "y", [], bad)
    (fault,) = bad.faults
    assert fault.lines == [3, 5]
    assert ("missing value written as text" in fault.rule) == bool(label.strip())


def test_numbers_come_in_order_before_texts(texts: Texts) -> None:
    assert names(texts({"y": ["b", "10", "2", "-1", "1e999", "a", "1_0", "inf"]})) == [
        *("-1", "2", "10", "1e999"),
        *("1_0", "a", "b", "inf"),
    ]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(labels=st.lists(st.sampled_from(["inf", "1", "2", "10", "1e999", "-inf", "x", "1_0", "١"]), min_size=12))
def test_the_order_depends_on_the_names_alone(texts: Texts, labels: list[str]) -> None:
    if len(set(labels)) > 1:
        assert names(texts({"y": labels})) == names(texts({"y": labels[::-1]}))


def test_numbers_of_many_digits_are_classes_of_their_own(texts: Texts) -> None:
    assert names(texts({"y": ["12345678901234567891", "12345678901234567890"]}))[0].endswith("0")
    with pytest.raises(UserError, match=r"holds both 01 and 1, 2 and 2\.0"):
        names(texts({"y": ["1", "01", "2.0", "2"]}))


def test_classes_that_the_training_part_lacks_are_told_with_their_lines(texts: Texts) -> None:
    parts = [texts({"y": ["a", "b"]}), texts({"y": ["a", "c", "d", "c"]}, path="val.csv")]
    bad = BadRows(parts)
    class_indices(parts, "y", [], bad)
    with pytest.raises(UserError) as caught:
        bad.settle("fail")
    assert [problem.given for problem in caught.value.problems] == [
        "val.csv line 3: column y holds c; likewise line 5",
        "val.csv line 4: column y holds d",
    ]
    found, indices = class_indices(parts, "y", list("abcd"), BadRows(parts))
    assert found == list("abcd")
    assert [part.tolist() for part in indices] == [[0, 1], [0, 2, 3, 2]]


def test_names_that_look_alike_are_said(texts: Texts) -> None:
    labels = ["cat", "Cat", "dog ", "dog", "d\u200bog", "\u00e9", "e\u0301", "bird"]
    alike, padded = similar_names(texts({"y": labels}), "y", sorted({label.strip() for label in labels}))
    assert "'cat'" in alike
    assert "'Cat'" in alike
    assert r"'d\u200bog'" in alike
    assert "bird" not in alike
    assert padded.endswith("'dog '")
    assert list(similar_names(texts({"y": ["a", "b"]}), "y", ["a", "b"])) == []


def test_parts_that_lack_classes_are_said() -> None:
    parts = {"train": np.array([0, 1, 2]), "val": np.array([1]), "test": np.array([0, 1, 2])}
    assert absent_classes("abc", parts) == ["not every part has a row of each class: val lacks a, c"]
    assert absent_classes("abc", {"train": np.arange(3)}) == []
