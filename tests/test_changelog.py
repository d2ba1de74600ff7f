"""The table of names that changed: the new ones exist, the old ones do not."""

from __future__ import annotations

import pkgutil
import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[1] / "CHANGELOG.md").read_text()
ROWS = re.findall(r"^\| \w* ?\| (.*) \| (.*) \|$", PAGE, re.MULTILINE)[1:]


def full(cell: str) -> list[str]:
    """The names in a cell that stand there in full; others share the module of the one before."""
    return [f"lossbook.{name}" for name in re.findall(r"`([a-z_]+(?:\.\w+)*)`", cell) if "." in name]


@pytest.mark.parametrize(("old", "new"), ROWS)
def test_the_names_are_true(old: str, new: str) -> None:
    for name in full(new):
        pkgutil.resolve_name(name)
    for name in full(old):
        with pytest.raises((ImportError, AttributeError)):
            pkgutil.resolve_name(name)
