"""A network of any kind of target as it is exported, without training one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lossbook.data.fitted import FittedData
from lossbook.data.schema import Schema
from lossbook.export.network import RawNetwork
from lossbook.losses.bind import bind_terms
from lossbook.losses.contract import Contract
from lossbook.losses.objective import Objective
from lossbook.tasks.supervised import Supervised
from lossbook.tasks.task import heads_of

SAMPLES = {"train": 10, "val": 1, "test": 1}
Heads = dict[str, tuple[Contract, Objective]]


class Ends(nn.Module):
    """A function of the inputs, as a network."""

    def __init__(self, function: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.function = function
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, input: Tensor) -> Any:
        return self.function(input * self.weight)


@pytest.fixture
def raw(contract: Callable[..., Contract]) -> Callable[..., tuple[RawNetwork, FittedData, Heads]]:
    """A network for data of a schema, from a module or a function, what its data was fitted to, and its heads."""

    def make(
        schema: Schema,
        *overrides: str,
        model: nn.Module | Callable[[Tensor], Any] | None = None,
        normalise: Any = None,
        thresholds: dict[str, float] | None = None,
        embedding_dim: int | None = None,
    ) -> tuple[RawNetwork, FittedData, Heads]:
        loss = contract(*overrides)
        terms = bind_terms(loss, schema, embedding_dim)
        objectives = heads_of(terms)
        if model is None:
            model = nn.Linear(schema.input_shape[0], sum(one.output_size for one in objectives.values()))
        module = model if isinstance(model, nn.Module) else Ends(model)
        fitted = FittedData(schema, normalise, None, SAMPLES, None)
        heads: Heads = {}
        for term, objective in terms.values():
            heads.setdefault(term.target, (term.contract, objective))
        return RawNetwork(Supervised(module.eval(), terms), fitted, thresholds), fitted, heads

    return make
