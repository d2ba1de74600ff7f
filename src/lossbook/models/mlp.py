"""A multilayer perceptron for tables and, flattened, for images."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor, nn

from lossbook.errors import refuse, typed
from lossbook.models.category_embeddings import CategoryEmbeddings
from lossbook.models.periodic_numbers import PeriodicNumbers
from lossbook.models.requirements import require_dropout, require_output, require_positive
from lossbook.models.smooth_clip import SmoothClip


class MLP(nn.Module):
    """Linear layers with batch norm and ReLU between them; categories of a table are embedded first.

    Args:
        input_shape: of one input; more than one dimension is flattened.
        output_size: width K of the output.
        output: must be ``vector``.
        hidden: widths of the hidden layers; an empty list gives a linear model.
        batch_norm: whether there is batch norm after each hidden layer, before its ReLU.
        dropout: probability of zeroing a hidden value in training; 0.5, since the default tables have only a few
            hundred rows and are easily overfitted.
        categories: (column, number of categories) of the columns that hold the index of a category; see ``Schema``.
        clip: bound of the inputs that are numbers, in standard deviations (see ``SmoothClip``); None for none.
        periodic: whether a periodic embedding of each number is appended (see ``PeriodicNumbers``).
        embedding_width: of the embedding of each category; None for one that grows with the number of categories.
        embedding_dropout: probability of zeroing a value of an embedding in training.
        sparse: whether the gradients of the embeddings hold only the rows of a batch's categories.

    Raises:
        UserError: another kind of output is needed, a width is below 1, dropout is outside [0, 1), or an option of the
            embeddings is given for data without categories.
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        output_size: int,
        output: str = "vector",
        hidden: Sequence[int] = (128, 64),
        batch_norm: bool = True,
        dropout: float = 0.5,
        categories: Sequence[tuple[int, int]] = (),
        clip: float | None = None,
        periodic: bool = False,
        embedding_width: int | None = None,
        embedding_dropout: float = 0.0,
        sparse: bool = False,
    ) -> None:
        super().__init__()
        require_output("mlp", output, "vector")
        require_positive("mlp", "hidden", hidden, empty=True)
        require_dropout(dropout)
        require_dropout(embedding_dropout, "embedding_dropout")
        inputs = math.prod(input_shape)
        layers: list[nn.Module] = [nn.Flatten()]
        if categories:
            embeddings = CategoryEmbeddings(inputs, categories, embedding_width, embedding_dropout, sparse)
            layers, inputs = [embeddings], embeddings.width
        else:
            _refuse_idle(embedding_width=embedding_width, embedding_dropout=embedding_dropout, sparse=sparse)
        columns = math.prod(input_shape) - len(categories)  # that hold numbers
        if clip is not None:
            layers.append(SmoothClip(columns, clip))
        if periodic:
            numbers = PeriodicNumbers(columns)
            layers.append(numbers)
            inputs += numbers.added
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


def _refuse_idle(**options: float | None) -> None:
    """Refuse options of the embeddings, which have no effect where there are none."""
    for name, value in options.items():
        if value:
            raise refuse(
                f"model.{name}={typed(value)}",
                "It is for embeddings of categories, and this data has none: it would have no effect.",
                f"leave model.{name} as it is, or a table with categories and data.categories=embedding",
            )
