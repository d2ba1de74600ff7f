"""Which of two classes counts as the positive one."""

from __future__ import annotations

from typing import Any

import pytest

from lossbook.data.positive_class import with_positive
from lossbook.data.schema import Schema
from lossbook.errors import UserError

TWO = Schema("class", (3,), 8, classes=2, class_names=("ill", "well"))


@pytest.mark.parametrize(
    ("names", "given", "index"),
    [
        (("ill", "well"), "ill", 0),
        (("ill", "well"), "well", 1),
        (("0", "1"), 0, 0),  # as the command line reads it
        (("False", "True"), False, 0),
        (("false", "true"), True, 1),
        (("1.0", "2.0"), 2.0, 1),
        ((), 1, 1),
    ],
)
def test_by_name(names: tuple[str, ...], given: Any, index: int) -> None:
    assert with_positive(Schema("class", (3,), 8, classes=2, class_names=names), given).positive == index


def test_without_a_name_nothing_changes() -> None:
    assert with_positive(TWO, None) is TWO


@pytest.mark.parametrize("given", ["sick", "", 3, ["ill"], "ILL"])
def test_a_name_that_there_is_not(given: Any) -> None:
    with pytest.raises(UserError, match=r"The classes are ill and well\.\n  Fix: 'data.positive_class=(ill|well)'"):
        with_positive(TWO, given)


@pytest.mark.parametrize("kind", ["class", "multilabel", "value"])
def test_where_it_would_have_no_effect(kind: str) -> None:
    with pytest.raises(UserError, match=r"needs data with two classes.*\n  Fix: leave it out"):
        with_positive(Schema(kind, (3,), 8, classes=None if kind == "value" else 3), "ill")
