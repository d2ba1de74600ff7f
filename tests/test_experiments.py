"""The named recipes: each states its time and the metric to expect (that it runs: test_documented_commands.py)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "conf" / "experiment"
RECIPES = sorted(path.stem for path in FOLDER.glob("*.yaml"))


def test_there_are_at_least_five() -> None:
    assert len(RECIPES) >= 5


@pytest.mark.parametrize("name", RECIPES)
def test_the_head_has_the_time_and_the_metric_to_expect(name: str) -> None:
    head = (FOLDER / f"{name}.yaml").read_text()
    assert re.search(r"^# Time: .*\d+ s.*Expected: .*\d\.\d", head, re.MULTILINE)
