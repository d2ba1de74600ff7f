"""Whether an exported network gives what the checkpoint's gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

from lossbook.errors import UserError, refuse
from lossbook.export.network import RawNetwork

TOLERANCE = 1e-4  # of the larger of 1 and the largest absolute value of an output
Run = Callable[..., Sequence[Tensor]]  # the arguments of RawNetwork.forward -> its outputs


def largest_difference(network: RawNetwork, run: Run, batches: Iterable[Sequence[Tensor]]) -> float:
    """Return the largest difference between a network and its export, relative to the larger of 1 and the output.

    Args:
        network: of the checkpoint.
        run: the export.
        batches: arguments of both.

    Raises:
        UserError: they differ by more than 1e-4, or the export does not take a batch.
    """
    largest = 0.0
    for inputs in batches:
        expected = network.named(inputs)
        try:
            found = dict(zip(expected, run(*inputs), strict=True))
        except Exception as error:  # of onnxruntime's or torch's, of many classes
            raise _differs(inputs, f"the export fails: {str(error).strip().partition(chr(10))[0][:200]}") from error
        for name, value in _expected(network, expected, found).items():
            difference = _difference(value, found[name])
            if not difference <= TOLERANCE:
                raise _differs(inputs, f"{name} differs by {difference:.3g} from the checkpoint's")
            largest = max(largest, difference)
    return largest


def _expected(network: RawNetwork, expected: dict[str, Tensor], found: dict[str, Tensor]) -> dict[str, Tensor]:
    """The network's outputs; decisions are those that follow from the exported scores, which may tie by rounding."""
    again = network.decided(found)
    return {
        name: again.get(name, value) if not value.is_floating_point() else value for name, value in expected.items()
    }


def _difference(expected: Tensor, found: Tensor) -> float:
    if expected.shape != found.shape:
        return float("inf")
    if not expected.is_floating_point():
        return 0.0 if torch.equal(expected, found.to(expected.dtype)) else float("inf")
    same = (expected == found) | (expected.isnan() & found.isnan())
    apart = (expected - found).abs().masked_fill(same, 0.0)
    finite = expected.abs().masked_fill(~expected.isfinite(), 0.0)
    largest = max(1.0, float(finite.max()) if finite.numel() else 1.0)
    return float(apart.max()) / largest if apart.numel() else 0.0


def _differs(inputs: Sequence[Tensor], what: str) -> UserError:
    shape = " x ".join(map(str, inputs[0].shape))
    return refuse(
        f"On inputs of {shape}, {what}.",
        f"An export gives what the checkpoint gives, to {TOLERANCE:g}; nothing was written.",
        "the other format (format=onnx or format=torch_export), or a network without branches on sizes",
    )
