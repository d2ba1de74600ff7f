"""A function as a criterion, such as torch.nn.functional.cross_entropy with its options bound."""

from __future__ import annotations

import functools
import inspect
from typing import Any

from torch import Tensor, nn

from lossbook.annotations import parameters_of


class FunctionCriterion(nn.Module):
    """Calls a function with its options bound, and shows them as attributes, as torch's own criteria do.

    Tensors among the options (class weights) become buffers, which follow the device, and modules submodules.

    Args:
        bound: the function with its options; those left out show the function's own defaults.
    """

    def __init__(self, bound: functools.partial[Any]) -> None:
        super().__init__()
        assert not bound.args, "options are bound by name"
        self.function = bound.func
        options = dict(bound.keywords)
        self._moving = [name for name, value in options.items() if isinstance(value, (Tensor, nn.Module))]
        for name in self._moving:
            value = options.pop(name)
            if isinstance(value, Tensor):
                self.register_buffer(name, value)
            else:
                self.add_module(name, value)
        parameters = (parameters_of(bound.func) or {}).values()
        self.options = options
        self.defaults = {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}

    def forward(self, *args: Tensor) -> Tensor:
        moving = {name: getattr(self, name) for name in self._moving}
        loss: Tensor = self.function(*args, **self.options, **moving)
        return loss

    def __getattr__(self, name: str) -> Any:
        """The option of this name; called for what is found nowhere else."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            for values in (self.__dict__.get("options", {}), self.__dict__.get("defaults", {})):
                if name in values:
                    return values[name]
            raise
