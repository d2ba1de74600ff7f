"""No test leaves anything to the next: Lightning sets variables of the environment, scripts add to sys.path, commands
configure logging. And one schema, contract and objective a call, for the tests of losses, targets and metrics."""

from __future__ import annotations

import importlib
import logging
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from hypothesis import HealthCheck, settings

from lossbook import compose, targets
from lossbook.build import build
from lossbook.config.resolve import plain
from lossbook.data.schema import Schema
from lossbook.losses.bind import bind
from lossbook.losses.contract import ROLES, Contract
from lossbook.losses.objective import Objective
from lossbook.losses.reading import read
from lossbook.targets import KINDS
from lossbook.trust import OWN_CONFIG

# the same examples in every run, however slow the machine
settings.register_profile("lossbook", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("lossbook")


@pytest.fixture(autouse=True)
def _nothing_stays() -> Iterator[None]:
    environment, path = os.environ.copy(), list(sys.path)
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores Ctrl-C for what runs in the background
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # and nohup this one; what a test starts inherits that
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
    for name in os.environ.keys() - environment.keys():
        del os.environ[name]
    os.environ.update(environment)
    sys.path[:] = path
    root.setLevel(level)
    for handler in root.handlers[:]:
        if handler not in handlers:
            root.removeHandler(handler)


SCHEMAS = {
    "class": {"classes": 3, "class_counts": (2, 3, 5)},
    "multilabel": {"classes": 4, "class_counts": (2, 5, 8, 4)},
    "value": {"width": 1, "mean": (100.0,), "scale": (20.0,)},
    "count": {"width": 1, "mean": (3.0,), "scale": (1.5,)},
    "distribution": {"classes": 3},
    "mask": {"classes": 3, "class_counts": (70, 20, 10)},
    "text": {"classes": 3, "alphabet": ("a", "b", "c")},
    "pair": {},
    "triplet": {},
    "none": {},
}


@pytest.fixture(autouse=True)
def seeded() -> None:
    """The same random numbers for a test, whichever ran before it."""
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def schema() -> Callable[..., Schema]:
    """A schema of a target kind, ten samples long: 3 classes, 4 labels, one column, or 3 symbols."""

    def make(kind: str, **changes: Any) -> Schema:
        return Schema(kind, (2,), 10, **{**SCHEMAS[kind], **changes})

    return make


@pytest.fixture(scope="session")
def contract() -> Callable[..., Contract]:
    """The contract of a config, from its overrides."""
    return _contract


@pytest.fixture(scope="session")
def criterion() -> Callable[..., Any]:
    """The criterion of a config, from its overrides."""
    return lambda *overrides: build(_contract(*overrides).criterion, key="loss.criterion", trust=OWN_CONFIG)


@pytest.fixture(scope="session")
def objective(schema: Callable[..., Schema]) -> Callable[..., Objective]:
    """The objective of a config on data of a schema (or of a target kind), from its overrides."""

    def make(data: str | Schema, *overrides: str, embedding_dim: int | None = None) -> Objective:
        return bind(_contract(*overrides), schema(data) if isinstance(data, str) else data, embedding_dim)

    return make


@pytest.fixture(scope="session")
def write_blocks() -> Callable[[Path, Path], list[Path]]:
    """Writes the fenced blocks of a page that begin with a comment ``# PATH`` into a folder."""

    def write(page: Path, folder: Path) -> list[Path]:
        found = re.findall(r"```(?:yaml|python)\n# ([\w/]+\.(?:yaml|py))\n(.*?)```", page.read_text(), re.DOTALL)
        for name, text in found:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        return [folder / name for name, _ in found]

    return write


@pytest.fixture
def find_kinds(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Lets target kinds be found in a checkout's folder, too, until the test ends."""

    def find(root: Path) -> None:
        folder = root / "src" / "lossbook" / "targets"
        monkeypatch.setattr(targets, "__path__", [*targets.__path__, str(folder)])
        for file in folder.glob("*.py"):
            kind = importlib.import_module(f"lossbook.targets.{file.stem}").KIND
            monkeypatch.delitem(sys.modules, f"lossbook.targets.{file.stem}")
            assert targets._found().keys() == {*KINDS, kind.name}
            monkeypatch.setitem(KINDS, kind.name, kind)
            for inputs, role in kind.roles.items():
                monkeypatch.setitem(cast("dict[str, str]", ROLES[inputs]), kind.name, role)

    return find


@cache
def _contract(*overrides: str) -> Contract:
    config = plain(compose(*overrides))
    return read(config["choices"]["loss"], config["loss"])
