from __future__ import annotations

import pytest

from lossbook.data.part_names import part_of


@pytest.mark.parametrize(
    ("name", "part"),
    [("train", "train"), ("Training", "train"), ("VAL", "val"), ("valid", "val"), ("dev", "val"), (" Test ", "test")],
)
def test_usual_names_in_any_case(name: str, part: str) -> None:
    assert part_of(name) == part


@pytest.mark.parametrize("name", ["", "trains", "cat", "te st"])
def test_other_names_are_no_part(name: str) -> None:
    assert part_of(name) is None
