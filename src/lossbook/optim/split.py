"""Combine two optimizers into one, for optimizers that can only train some of a model's parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from torch import nn
from torch.optim import Optimizer

from lossbook.optim.capabilities import Capability

Part = Literal["main", "rest"]
MakePart = Callable[..., Optimizer]


def part_of(module: nn.Module, capability: Capability) -> dict[str, Part]:
    """Return for each parameter the part that trains it: ``main`` where that optimizer can, else ``rest``.

    Args:
        module: the owner of the parameters, which are keyed by name; tied weights by their first name.
        capability: of the main optimizer. With ``sparse == "only"`` it trains the tables of ``nn.Embedding`` and
            ``nn.EmbeddingBag`` with ``sparse=True`` that nothing else uses, because any other use makes their gradient
            dense. With ``takes == "matrices"`` it trains two-dimensional weights but no embeddings. Otherwise all.
    """
    tables: dict[nn.Parameter, bool] = {}  # whether all uses of a table are sparse
    others: set[nn.Parameter] = set()
    for owner in module.modules():
        for name, parameter in owner.named_parameters(recurse=False):
            if name == "weight" and isinstance(owner, (nn.Embedding, nn.EmbeddingBag)):
                tables[parameter] = owner.sparse and tables.get(parameter, True)
            else:
                others.add(parameter)

    def main(parameter: nn.Parameter) -> bool:
        if capability.sparse == "only":
            return tables.get(parameter, False) and parameter not in others
        if capability.takes == "matrices":
            return parameter.ndim == 2 and parameter not in tables
        return True

    return {name: "main" if main(parameter) else "rest" for name, parameter in module.named_parameters()}


class Split(Optimizer):
    """Several optimizers with separate parameters behind the interface of one.

    It has one ``step`` (a closure is called once, before any part steps), one state, and a ``state_dict`` in torch's
    format. ``param_groups`` lists the groups of all parts, the same dicts, so the parts use what a schedule sets.
    A gradient scaler unscales the gradients itself, once for all parts.

    Args:
        parts: ``(make, groups)`` for each part, where ``make(params=groups)`` returns its optimizer. The parts must not
            share parameters. No group can be added later.

    Raises:
        ValueError: from torch, for a part without groups, or a parameter in two.
    """

    def __init__(self, parts: Sequence[tuple[MakePart, Sequence[dict[str, Any]]]]) -> None:
        self.parts = [make(params=list(groups)) for make, groups in parts]
        # without defaults, which would add one part's hyperparameters to the other's groups
        super().__init__([group for part in self.parts for group in part.param_groups], {})
        for part in self.parts:
            self.state.update(part.state)  # Adagrad starts with one
        self._share()

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Step every part; return the value of ``closure``, which is called once, with gradients enabled."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for part in self.parts:
            part.step()
        return loss

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group of a part; only for the constructor, since a new group would belong to no part."""
        known = any(param_group is group for part in self.parts for group in part.param_groups)
        assert known, "the groups of a Split are fixed"
        super().add_param_group(param_group)

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "parts": self.parts}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # load_state_dict calls it with a new state and new groups
        self._share()

    def _share(self) -> None:
        """Let the parts use this optimizer's state, and their own groups."""
        start = 0
        for part in self.parts:
            end = start + len(part.param_groups)
            # not through __setstate__, with which a part would rewrite the others' state as its own
            part.state, part.param_groups = self.state, self.param_groups[start:end]
            start = end
