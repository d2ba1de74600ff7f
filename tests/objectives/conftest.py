from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import torch

from lossbook import compose
from lossbook.build import build
from lossbook.composing.plain import plain
from lossbook.data.schema import Schema
from lossbook.objectives.bind import bind
from lossbook.objectives.contract import Contract, read
from lossbook.objectives.objective import Objective
from lossbook.trust import OWN_CONFIG

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


@cache
def _contract(*overrides: str) -> Contract:
    config = plain(compose(*overrides))
    return read(config["choices"]["loss"], config["loss"])
