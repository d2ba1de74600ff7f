from __future__ import annotations

import shlex

import pytest

import lossbook
from lossbook.data.tables.delimiter import NAMES, character, probable, setting
from lossbook.errors import UserError

COLUMNS = ("data=table", "data.root=x", "data.target_columns=[y]")


@pytest.mark.parametrize(
    "typed",
    [r"data.delimiter='\t'", r"data.delimiter=\\t", "data.delimiter=tab", "data.delimiter=$'\t'", "data.delimiter=Tab"],
)
def test_every_way_to_type_a_tab_works(typed: str) -> None:
    argument = typed.replace("$'\t'", "\t") if "$" in typed else "".join(shlex.split(typed))  # as bash hands it on
    config = lossbook.compose(*COLUMNS, argument)
    assert character(config.data.delimiter, "a\ty") == "\t"


@pytest.mark.parametrize("quotes", ["'\t'", '"\t"', '"\\t"', "'\\t'"])
def test_a_tab_in_quotes_of_hydras(quotes: str) -> None:
    assert character(lossbook.compose(*COLUMNS, f"data.delimiter={quotes}").data.delimiter, "a\ty") == "\t"


@pytest.mark.parametrize("mark", [*NAMES.values(), ":", "^"])
def test_what_an_error_proposes_can_be_typed(mark: str) -> None:
    (argument,) = shlex.split(setting(mark))
    assert character(lossbook.compose(*COLUMNS, argument).data.delimiter, "") == mark


@pytest.mark.parametrize("given", ["", " ,", ", ", "x", "7", '"', "\n", "\0", "tabs", None, 1, ["tab"]])
def test_what_is_no_delimiter_is_refused(given: object) -> None:
    with pytest.raises(UserError, match=r"data\.delimiter="):
        character(given, "a,b")


def test_the_probable_delimiter_is_in_each_line() -> None:
    assert probable(["a;b|c;d", "1;2|3;4", "1;2;3"]) == ";"
    assert probable(["a|b;c|d", "1|2;3|4", "1|2|3"]) == "|"
    assert probable(["\ta", "0\t1"]) == "\t"
    assert probable([" a   b", "10   2"]) == " "
    assert probable(["a;b", "1,5;2,5", "3,25;4,0"]) == ";"
    assert probable(["a b;c", "1;2"]) == ";"
    assert probable(['name,"a;b"', '"x, y",1']) == ","
    assert probable(["area", "10", "20"]) is None
