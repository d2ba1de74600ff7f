"""One optimizer made of two: for optimizers that can take some of a model's parameters only."""

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
    """Which part takes each parameter: ``main`` where the optimizer can, ``rest`` where another must.

    Args:
        module: its ``named_parameters()`` are those that are told apart; tied weights bear their first name.
        capability: of the main optimizer. ``sparse == "only"``: it takes tables of ``nn.Embedding(sparse=True)`` and
            ``nn.EmbeddingBag(sparse=True)`` that nothing else uses, because one other use makes their gradient dense.
            ``takes == "matrices"``: weights of two dimensions that are no embedding's table. Otherwise all.
    """
    tables: dict[nn.Parameter, bool] = {}  # whether every use of it is a sparse one
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
    """Several optimizers behind the interface of one, each with parameters of its own.

    One ``step`` (a closure is called once, before any part steps), one state and one ``state_dict`` in torch's own
    format. ``param_groups`` are the groups of all parts in order, the same dicts: what a schedule sets in one is what
    the part uses. A gradient scaler unscales the gradients itself, once, for all parts.

    Args:
        parts: ``(make, groups)`` for each part, ``make(params=groups)`` giving its optimizer. The parts'
            parameters do not overlap, and their groups are all there at the start: none can be added.

    Raises:
        ValueError: torch's, for a part without groups, or a parameter in two.
    """

    def __init__(self, parts: Sequence[tuple[MakePart, Sequence[dict[str, Any]]]]) -> None:
        self.parts = [make(params=list(groups)) for make, groups in parts]
        # without defaults, which would add the one part's hyperparameters to the other's groups
        super().__init__([group for part in self.parts for group in part.param_groups], {})
        for part in self.parts:
            self.state.update(part.state)  # some begin with one (Adagrad)
        self._share()

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step of every part; returns what ``closure`` does, which is called once, with gradients enabled."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for part in self.parts:
            part.step()
        return loss

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """For the constructor alone: nothing says which part would take a further group."""
        known = any(param_group is group for part in self.parts for group in part.param_groups)
        assert known, "the groups of a Split are given at its start"
        super().add_param_group(param_group)

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "parts": self.parts}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # from load_state_dict, too, which makes a new state and new groups
        self._share()

    def _share(self) -> None:
        """Give the parts this optimizer's state, and the groups that are theirs."""
        start = 0
        for part in self.parts:
            end = start + len(part.param_groups)
            # not by __setstate__: a part would take the others' state for its own, and rewrite it
            part.state, part.param_groups = self.state, self.param_groups[start:end]
            start = end
