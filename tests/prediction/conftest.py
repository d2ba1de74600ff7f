"""Small runs of every kind of target, trained once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import lossbook

SHORT = ("data.limit=96", "data.batch_size=32", "trainer=cpu", "trainer.max_epochs=1", "logger=none")


@pytest.fixture(scope="session")
def run_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """The folder of a short run with these arguments."""
    made: dict[tuple[str, ...], Path] = {}

    def run(*arguments: str) -> Path:
        if arguments not in made:
            made[arguments] = tmp_path_factory.mktemp("run")
            lossbook.train(lossbook.compose(*SHORT, *arguments), made[arguments])
        return made[arguments]

    return run
