"""Tracing a network to a graph, for any batch size, and for any height and width where that is tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.export import Dim, ExportedProgram

from lossbook.errors import UserError, refuse
from lossbook.export.deadline import Deadline
from lossbook.export.network import RawNetwork
from lossbook.export.quiet import quiet

AXES = {2: "height", 3: "width"}
LONGEST = 60.0  # seconds that tracing for free heights and widths may take; windows of attention take minutes
_DEPENDS = ("GuardOnDataDependentSymNode", "data-dependent", "Could not guard")


@dataclass(frozen=True)
class Spec:
    """The type and the sizes of an input or output.

    Args:
        dtype: as ``float32``.
        shape: sizes, a name for each that is free: ``batch``, ``height``, ``width``, or one of its own.
    """

    dtype: str
    shape: tuple[int | str, ...]


@dataclass(frozen=True)
class Graph:
    """A network as a graph.

    Args:
        program: of torch.export.
        inputs, outputs: by name, in order.
    """

    program: ExportedProgram
    inputs: Mapping[str, Spec]
    outputs: Mapping[str, Spec]


def traced(network: RawNetwork, inputs: Sequence[Tensor], other: Sequence[Tensor] | None = None) -> Graph:
    """Return the graph of a network.

    Args:
        network: in evaluation mode.
        inputs: an example of its arguments, of two samples or more.
        other: an example in which the first one has other sizes, where these are to be free.

    Raises:
        UserError: its code depends on the number of samples or on their values, tracing it for free sizes takes too
            long, or it cannot be traced at all.
    """
    axes = [axis for axis in AXES if other is not None and inputs[0].shape[axis] != other[0].shape[axis]]
    # a Dim with a range would be fixed in silence where the code asks for that; DYNAMIC is an error then
    free = [dict.fromkeys([0, *axes], Dim.DYNAMIC), *({0: Dim.DYNAMIC} for _ in inputs[1:])]
    try:
        with torch.no_grad(), quiet(), nullcontext() if other is None else Deadline(LONGEST):
            program = torch.export.export(network, tuple(inputs), dynamic_shapes=tuple(free), strict=False)
    except UserError:
        raise
    except Exception as error:  # of torch's, of many classes, and of the network's own code
        raise _untraceable(network, error) from error
    first, second = network.named(inputs), network.named(inputs if other is None else other)
    names = {(inputs[0].shape[axis], (other or inputs)[0].shape[axis]): AXES[axis] for axis in axes}
    given = {name: (one, another) for name, one, another in zip(network.inputs, inputs, other or inputs, strict=True)}
    return Graph(
        program,
        {name: _spec(name, *pair, names) for name, pair in given.items()},
        {name: _spec(name, value, second[name], names) for name, value in first.items()},
    )


def _spec(name: str, first: Tensor, second: Tensor, names: Mapping[tuple[int, int], str]) -> Spec:
    """What two examples tell: sizes that differ between them are free."""
    pairs = list(zip(first.shape, second.shape, strict=True))[1:]
    rest = (names.get(pair, f"{name}_{axis}") if pair[0] != pair[1] else pair[0] for axis, pair in enumerate(pairs, 1))
    return Spec(str(first.dtype).removeprefix("torch."), ("batch", *rest))


def _untraceable(network: RawNetwork, error: Exception) -> UserError:
    given = f"The network {', '.join(type(one).__name__ for one in network.networks.values())} cannot be exported."
    said = f"{type(error).__name__}: {error}"
    if any(sign in said for sign in _DEPENDS):
        rule = "Its code branches on the values of its inputs, and a graph has one path for all of them."
        return refuse(given, rule, "torch.where in place of if, in the network's forward")
    if "specialized it to be a constant" in said:
        rule = "Its code takes one number of samples, or one image size, alone: that of the batch it was traced with."
        return refuse(given, rule, "x.shape[0] in place of len(x) or a number, in the network's forward")
    first = said.strip().partition("\n")[0][:200]
    return refuse(given, f"torch.export cannot trace it: {first}", "a network of torch's operations on tensors alone")
