"""The named recipes: each says its command, time and expected figure, and runs."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

import lossbook

FOLDER = Path(__file__).parents[1] / "conf" / "experiment"
RECIPES = sorted(path.stem for path in FOLDER.glob("*.yaml"))


def test_there_are_at_least_five() -> None:
    assert len(RECIPES) >= 5


@pytest.mark.parametrize("name", RECIPES)
def test_the_head_has_command_time_and_expected_figure(name: str) -> None:
    head = (FOLDER / f"{name}.yaml").read_text()
    assert f"python scripts/train.py experiment={name}" in head
    assert re.search(r"^# Time: .*\d+ s.*Expected: .*\d\.\d", head, re.MULTILINE)


@pytest.mark.parametrize("name", RECIPES)
def test_it_runs(name: str, tmp_path: Path) -> None:
    config = lossbook.compose(
        f"experiment={name}", "data.limit=48", "data.batch_size=24", "trainer.max_epochs=1", "trainer.accelerator=cpu"
    )
    assert math.isfinite(lossbook.train(config, tmp_path)["test/loss"])
