from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lossbook.data.schema import Schema
from lossbook.data.tables.bad_rows import BadRows
from lossbook.data.tables.table import Table
from lossbook.data.tables.targets import Targets, read_targets, require_separator
from lossbook.errors import UserError

Texts = Callable[..., Table]


def read(table: Table, kind: str, names: list[str], **options: Any) -> Targets:
    bad = BadRows([table])
    found = read_targets([table], names, kind, bad, **options)
    bad.settle("fail")
    return found


@pytest.mark.parametrize(
    ("kind", "cell", "said"),
    [("count", "0.5", "whole number"), ("count", "-1", "whole number"), ("multilabel", "2", "0 or 1"),
     ("multilabel", "0.5", "0 or 1"), ("value", "tall", "must be numbers"), ("value", "", "needs a target"),
     ("value", "1e39", "below 3.4e"), ("value", "inf", "finite")],
)  # fmt: skip
def test_numbers_that_are_no_target(texts: Texts, kind: str, cell: str, said: str) -> None:
    held = f"'{cell}'" if cell else "empty"
    with pytest.raises(UserError, match=rf"(?s)t.csv line 3: y is {held}; likewise line 5\n.*{said}"):
        read(texts({"y": ["1", cell, "0", cell]}), kind, ["y"])


def test_bad_rows_may_be_skipped(texts: Texts) -> None:
    bad = BadRows([texts({"y": ["1", "x", "", "4"]})])
    read_targets(bad.tables, ["y"], "value", bad)
    kept, notes = bad.settle("skip")
    assert kept[0].tolist() == [0, 3]
    assert notes[0] == "left out: 2 of 4 rows that cannot be read"
    assert any("t.csv line 3: y is 'x'" in note for note in notes)


def test_labels_are_columns_of_words_or_numbers(texts: Texts) -> None:
    table = texts({"a": ["true", "FALSE", "yes"], "b": [1, 0, 0]})
    found = read(table, "multilabel", ["a", "b"])
    np.testing.assert_array_equal(found.values[0], [[1, 1], [0, 0], [1, 0]])
    assert found.schema.class_names == ("a", "b")


def test_labels_in_one_column_are_divided(texts: Texts) -> None:
    table = texts({"tags": ["red; round", "", "round", "blue;red;red"]})
    found = read(table, "multilabel", ["tags"], separator=";")
    assert found.schema.class_names == ("blue", "red", "round")
    np.testing.assert_array_equal(found.values[0], [[0, 1, 1], [0, 0, 0], [0, 0, 1], [1, 1, 0]])
    assert found.notes == ("1 rows have no label",)
    known = Schema("multilabel", (1,), 0, classes=2, class_names=("red", "round"))
    with pytest.raises(UserError, match="holds blue\n  The checkpoint knows red, round"):
        read(table, "multilabel", ["tags"], separator=";", known=known)
    with pytest.raises(UserError, match=r"data.separator=;\n  It divides"):
        require_separator(";", "class", ["tags"])


def test_large_counts_are_said_to_be_rounded(texts: Texts) -> None:
    assert read(texts({"y": [0, 16777216]}), "count", ["y"]).notes == ()
    assert read(texts({"y": [0, 16777217]}), "count", ["y"]).notes == (
        "counts go up to 16,777,217; float32 rounds whole numbers above 16,777,216",
    )
