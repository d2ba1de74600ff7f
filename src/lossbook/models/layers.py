"""The layers of a network from the input to the output, and which of its parameters are the head."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


def layers(network: nn.Module) -> list[list[str]]:
    """Return the names of the parameters, layer by layer, from the input to the output (in order of registration).

    A layer is a child of a container (Sequential, ModuleList, ModuleDict) that is no container itself, or a module
    without children outside of one; so a residual block or a transformer block is one layer. Modules with only vectors
    (norms) belong to the previous layer.

    The last layer is the head. A network may name another by ``head_names``, of modules or parameters
    (``("classifier", "aux")``): these are then one layer, the last, wherever they stand.
    """
    head = [name for name, _ in network.named_parameters() if is_within(name, getattr(network, "head_names", ()))]
    found: list[list[str]] = []
    for names, heavy in _blocks(network, "", inside=False):
        others = [name for name in names if name not in head]
        if not others:
            continue
        if heavy or not found:
            found.append(others)
        else:
            found[-1].extend(others)
    return [*found, head] if head else found


def is_within(name: str, owners: tuple[str, ...]) -> bool:
    """Return whether a parameter is one of ``owners``, or in a module of that name."""
    return any(name == owner or name.startswith(f"{owner}.") for owner in owners)


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
