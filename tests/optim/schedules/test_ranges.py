"""Every value of an option has a range and lies within it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from lossbook.optim.schedules.ranges import MODES, RANGES, of

FOLDER = Path(__file__).parents[3] / "conf" / "scheduler"
WITHOUT = {"_target_", "monitor"}  # texts


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_key_has_a_range(path: Path) -> None:
    node = yaml.safe_load(path.read_text())
    for key in node.keys() - WITHOUT:
        assert of(node["_target_"])[key].admits(node[key]), key
        assert not of(node["_target_"])[key].admits("no number"), key


@pytest.mark.parametrize("key", [*RANGES, *MODES])
def test_what_a_fix_proposes_will_do(key: str) -> None:
    inside = RANGES.get(key) or MODES[key]
    assert inside.admits(inside.example)


def test_a_schedule_that_is_not_ours_has_its_own_meaning_for_most_keys() -> None:
    assert of("torch.optim.lr_scheduler.StepLR").keys() == {"interval", "frequency"}
    assert of(None) == {}
