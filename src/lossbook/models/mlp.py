"""A multilayer perceptron for tables and, flattened, for images."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor, nn

from lossbook.models.requirements import require_dropout, require_output, require_positive


class MLP(nn.Module):
    """Linear layers with batch norm and ReLU between them.

    Args:
        input_shape: of one input; more than one dimension is flattened.
        output_size: width K of the output.
        output: must be ``vector``.
        hidden: widths of the hidden layers; an empty list gives a linear model.
        batch_norm: whether there is batch norm after each hidden layer, before its ReLU.
        dropout: probability of zeroing a hidden value in training; 0.5, since the default tables have only a few
            hundred rows and are easily overfitted.

    Raises:
        UserError: another kind of output is needed, a width is below 1, or dropout is outside [0, 1).
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        output_size: int,
        output: str = "vector",
        hidden: Sequence[int] = (128, 64),
        batch_norm: bool = True,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        require_output("mlp", output, "vector")
        require_positive("mlp", "hidden", hidden, empty=True)
        require_dropout(dropout)
        layers: list[nn.Module] = [nn.Flatten()]
        inputs = math.prod(input_shape)
        for width in hidden:
            layers.append(nn.Linear(inputs, width, bias=not batch_norm))
            if batch_norm:
                layers.append(nn.BatchNorm1d(width))
            layers.append(nn.ReLU(inplace=True))
            if dropout:
                layers.append(nn.Dropout(dropout))
            inputs = width
        layers.append(nn.Linear(inputs, output_size))
        self.layers = nn.Sequential(*layers)

    def forward(self, input: Tensor) -> Tensor:
        """Map inputs (N, *input_shape) to outputs (N, K)."""
        return self.layers(input)
