"""The examples of CONTRIBUTING.md: each file is written as it stands, and each command trains."""

from __future__ import annotations

import math
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import lossbook

PAGE = Path(__file__).parents[1] / "CONTRIBUTING.md"
SMALL = ("data.limit=64", "trainer.max_epochs=1", "trainer.accelerator=cpu", "logger=none", "callbacks=none")


@pytest.mark.parametrize("command", re.findall(r"python scripts/train\.py --config-dir my_conf (.*)", PAGE.read_text()))
def test_an_example_trains(
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    write_blocks: Callable[[Path, Path], list[Path]],
    find_kinds: Callable[[Path], None],
) -> None:
    files = write_blocks(PAGE, tmp_path)
    find_kinds(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    config = lossbook.compose(*shlex.split(command), *SMALL, config_dir=tmp_path / "my_conf")
    metrics = lossbook.train(config, tmp_path / "run")
    assert math.isfinite(metrics["test/loss"])
    for file in files:
        sys.modules.pop(file.stem, None)


def test_every_row_of_the_table_has_its_section() -> None:
    text = PAGE.read_text()
    for name in re.findall(r"\| \[(a \w.*?)\]\(#", text):
        assert f"\n## {name.capitalize()}\n" in text
