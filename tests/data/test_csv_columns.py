from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

import lossbook
from lossbook.data.csv_columns import choose_columns, column_names, typed_columns
from lossbook.data.csv_table import Table
from lossbook.errors import UserError


def table(**columns: list[Any]) -> Table:
    rows = [list(map(str, row)) for row in zip(*columns.values(), strict=True)]
    return Table(Path("t.csv"), list(columns), rows, list(range(2, len(rows) + 2)))


Y = [3, 1, 4, 1, 5, 9]
X = [2, 7, 1, 8, 2, 8]


@pytest.mark.parametrize("index", [range(6), range(1, 7), ["0.0", "1.0", "2.0", "3.0", "4.0", "5.0"]])
@pytest.mark.parametrize("name", ["", "Unnamed: 0", "id", "anything"])
def test_row_numbers_are_no_feature_and_that_is_said(index: list[Any], name: str) -> None:
    columns = choose_columns(table(**{name: list(index), "x": X, "y": Y}), "value", ["y"], None)
    assert (columns.features, columns.targets) == (["x"], ["y"])
    (note,) = columns.notes
    assert note.startswith("row numbers are not a feature")


@pytest.mark.parametrize("name", ["", "Unnamed: 0", "id"])
def test_a_column_that_the_user_named_is_always_a_feature(name: str) -> None:
    read = table(**{name: list(range(6)), "x": X, "y": Y})
    assert choose_columns(read, "value", "y", [name, "x"]).features == [name, "x"]
    assert choose_columns(read, "value", name, ["x"]).targets == [name]
    assert choose_columns(read, "value", name, None).notes == ()


@pytest.mark.parametrize("values", [[0, 1, 2, 3, 5, 4], [2, 3, 4, 5, 6, 7], [0, 2, 4, 6, 8, 10], [1, 1, 1, 1, 1, 1]])
def test_what_does_not_count_the_rows_is_a_feature(values: list[int]) -> None:
    assert choose_columns(table(a=values, y=Y), "value", "y", None).features == ["a"]


def test_columns_without_a_name() -> None:
    texts = choose_columns(table(**{"": list("abcdef"), "x": X, "y": Y, "Unnamed: 3": [""] * 6}), "value", "y", None)
    assert texts.features == ["x"]  # R's names of rows, and a delimiter at the end of every line
    assert len(texts.notes) == 2
    with pytest.raises(UserError, match="column 2 has no name"):
        choose_columns(table(**{"x": X, "": [5, 5, 1, 2, 3, 4], "y": Y}), "value", "y", None)


def test_a_table_of_row_numbers_alone_says_how_to_take_them() -> None:
    with pytest.raises(
        UserError, match=r"(?s)has no feature.*besides the target is 'day'.*data.feature_columns=\[day\]"
    ):
        choose_columns(table(day=list(range(6)), y=Y), "value", "y", None)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["y", "y"], r"(?s)names y twice.*data.target_columns=\[y\]"),
        ([["y"]], "list of strings"),
        (None, "data.target_columns=null"),
        ([None], "list of strings"),
        ({"y": 1}, "list of strings"),
        (True, "list of strings"),
        (["y", " y "], "twice"),
    ],
)
def test_targets_that_are_no_names(given: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        choose_columns(table(x=X, y=Y), "value", given, None)


def test_unknown_names_are_told_together() -> None:
    with pytest.raises(UserError) as caught:
        choose_columns(table(price=X, y=Y), "value", ["z"], ["prize", *map(str, range(40))])
    assert len(caught.value.problems) == 21
    assert caught.value.problems[1].fix == "did you mean price?"
    assert caught.value.problems[-1].given == "22 more columns"


@pytest.mark.parametrize(
    "columns", [["a"], ["a b", "c"], ["it's", "a,b"], ["2020", "007", "1.50"], ["null", "true"], ["$x", "[y]"], ["é"]]
)
def test_what_an_error_proposes_names_the_columns_when_typed(columns: list[str]) -> None:
    (argument,) = shlex.split(typed_columns("data.feature_columns", columns))
    config = lossbook.compose("data=csv", "data.root=x", "data.target_columns=[y]", argument)
    assert column_names("data.feature_columns", config.data.feature_columns) == columns
