from __future__ import annotations

from dataclasses import replace

import pytest

from lossbook.data.schema import Schema, entry
from lossbook.targets import KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_the_kind_of_output_follows_from_the_kind_of_target(kind: str) -> None:
    expected = "dense" if kind == "mask" else "sequence" if kind == "text" else "vector"
    assert KINDS[kind].output == expected


def test_several_targets_share_their_inputs() -> None:
    digit, even = Schema("class", (1, 8, 8), 0, classes=10), Schema("class", (1, 8, 8), 0, classes=2)
    schema = replace(Schema.of_several({"digit": digit, "even": even}), samples=9)
    assert {name: (head.classes, head.samples, head.input_shape) for name, head in schema.heads.items()} == {
        "digit": (10, 9, (1, 8, 8)),
        "even": (2, 9, (1, 8, 8)),
    }
    assert digit.heads == {"": digit}
    assert [entry("digit"), entry("digit", "target_lengths"), entry(""), entry("", "target_lengths")] == [
        "digit", "digit_lengths", "target", "target_lengths",
    ]  # fmt: skip
    with pytest.raises(AssertionError, match="one target, or several"):
        Schema("", (1,), 10)


def test_promises_do_not_change() -> None:
    with pytest.raises(AttributeError):
        Schema("class", (1,), 10).samples = 5  # type: ignore[misc]
