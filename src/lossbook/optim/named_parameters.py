"""The parameters of a module, each with its names, the modules around it, and its layer counted from the output."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from torch import nn

from lossbook.models.layers import layers


@dataclass(frozen=True)
class NamedParameter:
    """A parameter and where it is in the module.

    Args:
        names: all its names in order of registration; tied weights have several.
        types: names of the classes, and their base classes, of the modules that contain it.
        layer: layer of its network, counted from the output, which is 0; None outside of networks. Tied weights belong
            to the layer nearest to the output.
        parameter: the parameter itself.
    """

    names: tuple[str, ...]
    types: frozenset[str]
    layer: int | None
    parameter: nn.Parameter

    @property
    def name(self) -> str:
        return self.names[0]

    def is_within(self, children: Collection[str]) -> bool:
        """Return whether its first name lies in one of these children of the module."""
        return self.name.partition(".")[0] in children


def named_parameters(module: nn.Module, networks: Collection[str] = ("model",)) -> list[NamedParameter]:
    """Return every parameter of ``module`` once, in order; ``networks`` are the children whose layers are counted."""
    names: dict[nn.Parameter, list[str]] = {}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        names.setdefault(parameter, []).append(name)
    layer_of: dict[str, int] = {}
    for network in networks:
        if isinstance(child := getattr(module, network, None), nn.Module):
            for number, members in enumerate(reversed(layers(child))):
                layer_of.update({f"{network}.{member}": number for member in members})
    return [
        NamedParameter(tuple(known), frozenset(_types(module, known)), _nearest_to_output(known, layer_of), parameter)
        for parameter, known in names.items()
    ]


def _nearest_to_output(names: list[str], layer_of: dict[str, int]) -> int | None:
    return min((layer_of[name] for name in names if name in layer_of), default=None)


def _types(module: nn.Module, names: list[str]) -> Iterator[str]:
    for name in names:
        owner = module
        for part in name.split(".")[:-1]:
            owner = getattr(owner, part)
            yield from (base.__name__ for base in type(owner).__mro__ if base not in (object, nn.Module))
