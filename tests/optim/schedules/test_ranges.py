"""Every value that an option states lies in its range, and has one."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from lossbook.optim.schedules.ranges import MODES, RANGES

FOLDER = Path(__file__).parents[3] / "conf" / "scheduler"
# a path, any text, and what is true or false; types are checked where values are composed
WITHOUT = {"_target_", "monitor", "mode", "cycle_momentum", "three_phase"}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_key_has_a_range(path: Path) -> None:
    node = yaml.safe_load(path.read_text())
    for key in node.keys() - WITHOUT:
        assert RANGES[key][0](node[key]), key
        assert not RANGES[key][0]("no number"), key
    if "mode" in node:
        assert MODES[node["_target_"].rpartition(".")[2]][0](node["mode"])


@pytest.mark.parametrize("ranges", [RANGES, MODES])
def test_what_a_fix_proposes_will_do(ranges: dict) -> None:  # type: ignore[type-arg]
    for key, (allowed, rule, example) in ranges.items():
        assert allowed(yaml.safe_load(example)), key
        assert rule.endswith(".")
