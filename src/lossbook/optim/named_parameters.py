"""The parameters of a module, each with its names, the modules around it, and its layer counted from the output."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from torch import nn

CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


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


def layers(network: nn.Module) -> list[list[str]]:
    """Return the names of the parameters, layer by layer, from the input to the output (in order of registration).

    A layer is a child of a container (Sequential, ModuleList, ModuleDict) that is no container itself, or a module
    without children outside of one; so a residual block or a transformer block is one layer. Modules with only vectors
    (norms) belong to the previous layer.
    """
    found: list[list[str]] = []
    for names, heavy in _blocks(network, "", inside=False):
        if heavy or not found:
            found.append(names)
        else:
            found[-1].extend(names)
    return found


def _blocks(module: nn.Module, prefix: str, inside: bool) -> Iterator[tuple[list[str], bool]]:
    """Yield the names of each block's parameters, and whether one of them has two dimensions or more."""
    container = isinstance(module, CONTAINERS)
    whole = not container and (inside or not any(True for _ in module.children()))
    own = list(module.named_parameters(recurse=whole))
    if own:
        yield [f"{prefix}{name}" for name, _ in own], any(parameter.ndim > 1 for _, parameter in own)
    if not whole:
        for name, child in module.named_children():
            yield from _blocks(child, f"{prefix}{name}.", container)


def _nearest_to_output(names: list[str], layer_of: dict[str, int]) -> int | None:
    return min((layer_of[name] for name in names if name in layer_of), default=None)


def _types(module: nn.Module, names: list[str]) -> Iterator[str]:
    for name in names:
        owner = module
        for part in name.split(".")[:-1]:
            owner = getattr(owner, part)
            yield from (base.__name__ for base in type(owner).__mro__ if base not in (object, nn.Module))
