"""What stands between a model's output and a criterion, and between its scores and probabilities, by name."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional as F

ACTIVATIONS: dict[str, Callable[[Tensor, int], Tensor]] = {
    "none": lambda output, dim: output,
    "sigmoid": lambda output, dim: output.sigmoid(),
    "softmax": lambda output, dim: output.softmax(dim),
    "log_softmax": lambda output, dim: output.log_softmax(dim),
    "softplus": lambda output, dim: F.softplus(output),
    "normalise": lambda output, dim: F.normalize(output, dim=dim),
}

PROBABILITIES: dict[str, Callable[[Tensor, int], Tensor]] = {
    "identity": lambda scores, dim: scores,
    "exp": lambda scores, dim: scores.exp(),
    "sigmoid": lambda scores, dim: scores.sigmoid(),
    "softmax": lambda scores, dim: scores.softmax(dim),
}
