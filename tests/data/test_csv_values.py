from __future__ import annotations

from pathlib import Path

import pytest

from lossbook.data.csv_columns import TableColumns
from lossbook.data.csv_table import Table
from lossbook.data.csv_values import Values, read_values
from lossbook.errors import UserError


def read(target: str, rows: list[str], named: bool = False) -> Values:
    table = Table(Path("t.csv"), ["a", "b", "y"], [row.split() for row in rows], list(range(2, len(rows) + 2)))
    return read_values([table], TableColumns(["a", "b"], ["y"]), target, named)


def test_mistakes_of_features_and_targets_are_told_together() -> None:
    with pytest.raises(UserError) as caught:
        read("class", ["1 x nan", "1,5 2 k", "1 1e39 l"])
    assert [problem.given for problem in caught.value.problems] == [
        "t.csv line 3: a is '1,5'",
        "t.csv line 2: b is 'x'",
        "t.csv line 2: y is 'nan'",
    ]
    assert "leave it out" not in str(caught.value.problems[1].fix)  # no column would be left


def test_a_column_of_text_may_be_left_out() -> None:
    with pytest.raises(UserError, match=r"or leave it out: data.feature_columns=\[a\]"):
        read("class", ["1 x k", "2 y l"])
    with pytest.raises(UserError, match=r"name the columns to use"):
        read("class", ["1 x k", "2 y l"], named=True)


@pytest.mark.parametrize(
    ("kind", "cell"), [("count", "0.5"), ("count", "-1"), ("multilabel", "2"), ("multilabel", "0.5")]
)
def test_numbers_that_are_no_count_or_label(kind: str, cell: str) -> None:
    with pytest.raises(UserError, match=rf"t.csv line 3: y is '{cell}'; likewise line 5\n"):
        read(kind, ["1 2 1", f"1 2 {cell}", "1 2 0", f"1 2 {cell}"])


def test_large_counts_are_said_to_be_rounded() -> None:
    assert read("count", ["1 2 0", "1 2 16777216"]).notes == ()
    assert read("count", ["1 2 0", "1 2 16777217"]).notes == (
        "counts go up to 16,777,217; float32 rounds whole numbers above 16,777,216",
    )
