from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Any

import pytest

import lossbook
from lossbook.data.tables.choosing import choose_columns, column_names, typed_columns
from lossbook.data.tables.table import Table
from lossbook.errors import UserError

Texts = Callable[..., Table]
Y = [3, 1, 4, 1, 5, 9]
X = [2, 7, 1, 8, 2, 8]


@pytest.mark.parametrize("index", [range(6), range(1, 7), ["0.0", "1.0", "2.0", "3.0", "4.0", "5.0"]])
@pytest.mark.parametrize("name", ["", "Unnamed: 0", "id", "anything"])
def test_row_numbers_are_no_feature(texts: Texts, index: list[Any], name: str) -> None:
    chosen = choose_columns(texts({name: list(index), "x": X, "y": Y}), "value", ["y"])
    assert (list(chosen.features), chosen.targets) == (["x"], ["y"])
    assert [kind.name for kind in chosen.left_out.values()] == ["row number"]


@pytest.mark.parametrize("name", ["Unnamed: 0", "id"])
def test_a_column_that_the_user_named_is_always_a_feature(texts: Texts, name: str) -> None:
    read = texts({name: list(range(6)), "x": X, "y": Y})
    assert list(choose_columns(read, "value", "y", [name, "x"]).features) == [name, "x"]
    assert choose_columns(read, "value", name, ["x"]).targets == [name]


@pytest.mark.parametrize("values", [[0, 1, 2, 3, 5, 4], [2, 3, 4, 5, 6, 7], [0, 2, 4, 6, 8, 10], [1, 1, 1, 1, 1, 1]])
def test_what_does_not_count_the_rows_is_a_feature(texts: Texts, values: list[int]) -> None:
    assert list(choose_columns(texts({"a": values, "y": Y}), "value", "y").features) == ["a"]


def test_columns_without_a_name(texts: Texts) -> None:
    chosen = choose_columns(texts({"": list("abcdef"), "x": X, "y": Y, "Unnamed: 3": [""] * 6}), "value", "y")
    assert list(chosen.features) == ["x"]  # R's names of rows, and a delimiter at the end of every line
    assert len(chosen.left_out) == 2
    with pytest.raises(UserError, match="column 2 has no name"):
        choose_columns(texts({"x": X, "": [5, 5, 1, 2, 3, 4], "y": Y}), "value", "y")


def test_a_table_of_row_numbers_alone_says_how_to_take_them(texts: Texts) -> None:
    with pytest.raises(UserError, match=r"(?s)has no feature.*day \(row number\).*data.feature_columns=\[day\]"):
        choose_columns(texts({"day": list(range(6)), "y": Y}), "value", "y")


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
def test_targets_that_are_no_names(texts: Texts, given: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        choose_columns(texts({"x": X, "y": Y}), "value", given)


def test_unknown_names_are_told_together(texts: Texts) -> None:
    with pytest.raises(UserError) as caught:
        choose_columns(texts({"price": X, "y": Y}), "value", ["y"], ["prize", *map(str, range(40))])
    assert len(caught.value.problems) == 21
    assert caught.value.problems[0].fix == "did you mean price?"
    assert caught.value.problems[-1].given == "21 more columns"


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"z": "category"}, "no column z"),
        ({"x": "kategory"}, "data.columns={x: category}"),
        ({"y": "category"}, "must not be a feature"),
        ({"x": "date"}, "not written as dates"),
        (["x"], "a mapping from names to kinds"),
    ],
)
def test_kinds_that_the_user_cannot_mean(texts: Texts, columns: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        choose_columns(texts({"x": X, "a": X, "y": Y}), "value", "y", None, columns)


def test_the_user_says_what_columns_hold(texts: Texts) -> None:
    read = texts({"zip": [f"0{x}" for x in X], "x": X, "note": list("abcdef"), "y": Y})
    chosen = choose_columns(read, "value", "y", None, {"zip": "category", "x": "leave_out"})
    assert {name: kind.name for name, kind in chosen.features.items()} == {"zip": "category", "note": "category"}
    assert chosen.left_out["x"].name == "leave_out"
    with pytest.raises(UserError, match="it would have no effect"):
        choose_columns(read, "value", "y", ["x"], {"zip": "category"})


def test_a_named_feature_that_cannot_be_read_is_refused(texts: Texts) -> None:
    names = [f"passenger of the name {row}" for row in range(30)]
    read = texts({"x": X * 5, "who": names, "y": Y * 5})
    assert choose_columns(read, "value", "y").left_out["who"].name == "text"
    with pytest.raises(UserError, match=r"data.feature_columns has who\n.*hardly repeat.*\n.*who: category"):
        choose_columns(read, "value", "y", ["x", "who"])


@pytest.mark.parametrize(
    "columns", [["a"], ["a b", "c"], ["it's", "a,b"], ["2020", "007", "1.50"], ["null", "true"], ["$x", "[y]"], ["é"]]
)
def test_what_an_error_proposes_names_the_columns_when_typed(columns: list[str]) -> None:
    (argument,) = shlex.split(typed_columns("data.feature_columns", columns))
    config = lossbook.compose("data=csv", "data.root=x", "data.target_columns=[y]", argument)
    assert column_names("data.feature_columns", config.data.feature_columns) == columns
