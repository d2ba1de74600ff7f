from __future__ import annotations

import pytest

from lossbook.data.schema import Schema
from lossbook.targets import KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_the_kind_of_output_follows_from_the_kind_of_target(kind: str) -> None:
    expected = "dense" if kind == "mask" else "sequence" if kind == "text" else "vector"
    assert Schema(kind, (1, 8, 8), 10).output == expected


def test_an_unknown_kind_is_a_mistake_of_ours() -> None:
    with pytest.raises(AssertionError, match="labels"):
        Schema("labels", (1,), 10)


def test_promises_do_not_change() -> None:
    with pytest.raises(AttributeError):
        Schema("class", (1,), 10).samples = 5  # type: ignore[misc]
