"""A multilayer perceptron, for records and, flattened, for images."""

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
        output: ``vector``; another kind is refused.
        hidden: widths of the hidden layers; none gives a linear model.
        batch_norm: after each hidden layer, before its ReLU.
        dropout: probability of a hidden value to be zeroed in training; 0.5, for the few hundred records that it is
            at home with are soon learnt by heart.

    Raises:
        UserError: another output is needed, a width is below 1, or dropout lies outside [0, 1).
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
        """(N, *input_shape) to (N, K)."""
        return self.layers(input)
