"""The rule that augmentation keeps the shape of inputs."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lossbook.errors import refuse


def require_shape(module: nn.Module, given: torch.Size, result: Tensor) -> None:
    """Refuse what came out in another shape than went in: validation, which is not augmented, would see another.

    Raises:
        UserError: names the module.
    """
    came = getattr(result, "shape", None)
    if came != given:
        raise refuse(
            f"data.augment: {type(module).__name__} made {_sides(came)} of {_sides(given)}",
            "Augmentation keeps the shape of the inputs, which validation and test see as they are.",
            "another transform, or one that goes back to this size, such as v2.RandomResizedCrop",
        )


def _sides(shape: torch.Size | None) -> str:
    return "no tensor" if shape is None else " x ".join(map(str, shape))
