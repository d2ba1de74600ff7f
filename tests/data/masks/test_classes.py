"""Values and names of the classes of masks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lossbook.data.masks.classes import mask_classes
from lossbook.errors import UserError


@pytest.mark.parametrize(
    ("given", "names", "values"),
    [
        ({"found": [0, 1, 2, 255]}, ("0", "1", "2"), (0, 1, 2)),
        ({"found": [0, 128]}, ("0", "128"), (0, 128)),
        ({"found": [0, 255], "ignored": None}, ("0", "255"), (0, 255)),
        ({"found": [0, 2], "names": ["sky", "road", "car"]}, ("sky", "road", "car"), (0, 1, 2)),
        ({"found": [0, 200], "names": ["sky", "road"]}, ("sky", "road"), (0, 200)),
        ({"found": [7, 255], "names": ["a", "b"], "values": [7, 9]}, ("a", "b"), (7, 9)),
        ({"found": [0], "known": ("0", "128")}, ("0", "128"), (0, 128)),
        ({"found": [0, 1], "known": ("sky", "road", "car")}, ("sky", "road", "car"), (0, 1, 2)),
    ],
)
def test_names_and_values(given: dict[str, Any], names: tuple[str, ...], values: tuple[int, ...]) -> None:
    found = mask_classes(**{"names": None, "values": None, "ignored": 255, **given})
    assert (found.names, found.values) == (names, values)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"found": [0, 255]}, r"hold 0 beside the ignored 255.*\n.*data\.ignored=null"),
        ({"found": [0, 128, 255]}, r"are not 0, 1, 2, ..., so that 255 may be a class"),
        ({"found": [0]}, "at least two classes"),
        ({"found": [0, 3], "names": ["a", "b", "c"]}, "with 3 names"),
        ({"found": [0, 3], "values": [0, 1]}, "values 3 are none of the classes'"),
        ({"found": [0, 1], "values": [0, 255]}, r"data\.ignored=255"),
        ({"found": [0, 1], "values": [0, 0]}, "different whole numbers"),
        ({"found": [0, 1], "names": ["a", "a"]}, "a name of its own"),
        ({"found": [0, 1], "names": "nowhere.txt"}, r"data\.class_names=nowhere\.txt"),
        ({"found": [0, 1], "names": ["a", "b"], "known": ("a", "c")}, "checkpoint's classes are a, c"),
    ],
)
def test_what_does_not_fit(given: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        mask_classes(**{"names": None, "values": None, "ignored": 255, **given})


def test_names_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("\ufeffsky\nthe road\n\n", encoding="utf-8")
    assert mask_classes([0, 1], str(tmp_path / "names.txt"), None, 255).names == ("sky", "the road")
