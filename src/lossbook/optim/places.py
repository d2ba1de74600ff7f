"""Where each parameter of a network stands: its names, the modules around it, its layer counted from the output."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


@dataclass(frozen=True)
class Place:
    """One parameter.

    Args:
        names: all that it goes by, the first one first; tied weights have several.
        types: class names of the modules that it lies in, with those of their base classes.
        layer: of the network's layers, counted from the output, which is 0; None outside the network. Tied weights are
            of the one that is nearest to the output.
        parameter: itself.
    """

    names: tuple[str, ...]
    types: frozenset[str]
    layer: int | None
    parameter: nn.Parameter

    @property
    def name(self) -> str:
        return self.names[0]


def places(module: nn.Module, network: str = "model") -> list[Place]:
    """Every parameter of ``module`` once, in order; ``network`` is the child whose layers are counted."""
    names: dict[nn.Parameter, list[str]] = {}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        names.setdefault(parameter, []).append(name)
    child = getattr(module, network, None)
    layer_of: dict[str, int] = {}
    if isinstance(child, nn.Module):
        ordered = layers(child)
        for number, members in enumerate(reversed(ordered)):
            layer_of.update({f"{network}.{member}": number for member in members})
    return [
        Place(tuple(known), frozenset(_types(module, known)), _nearest_to_output(known, layer_of), parameter)
        for parameter, known in names.items()
    ]


def layers(network: nn.Module) -> list[list[str]]:
    """The parameters' names, layer by layer, from the input to the output (in the order of registration).

    A layer is what stands in a container (Sequential, ModuleList, ModuleDict) and is none itself, or a module without
    children outside of one; so a residual block or a transformer's block is one layer. What holds only vectors (a
    norm) belongs to the layer before.
    """
    found: list[list[str]] = []
    for names, heavy in _blocks(network, "", inside=False):
        if heavy or not found:
            found.append(names)
        else:
            found[-1].extend(names)
    return found


def _blocks(module: nn.Module, prefix: str, inside: bool) -> Iterator[tuple[list[str], bool]]:
    """Names of each block's parameters, and whether one of them has two dimensions or more."""
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
