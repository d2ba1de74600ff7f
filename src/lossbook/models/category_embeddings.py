"""Embeddings of the categories of a table."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lossbook.errors import refuse

_EXACT = {"16-true": 2**11, "bf16-true": 2**8}  # whole numbers up to these, of the types that inputs are cast to


def default_width(categories: int) -> int:
    """Return the width of the embedding of so many categories: 1.6 * n ** 0.56, at most 64.

    The rule of thumb of fastai (``emb_sz_rule``): 3 for 3 categories, 6 for 10, 21 for 100, 64 from 730 on.
    """
    return min(64, max(1, round(1.6 * categories**0.56)))


class CategoryEmbeddings(nn.Module):
    """An embedding for each column of categories, behind the other columns, which stay as they are.

    An embedding starts with as much variance as a standardised number, shared out over its values. That of index 0, a
    category that training has not seen, starts at zero: if training indeed never sees one, it says nothing.

    Args:
        columns: number F of columns of the input.
        categories: (column, number of categories) of each column that holds an index, from 0 to that number.
        width: of each embedding; None for ``default_width`` of its number of categories.
        dropout: probability of zeroing a value of an embedding in training.
        sparse: whether the gradients hold only the rows of a batch's categories.

    Attributes:
        width: of the output.
    """

    numbers: Tensor

    def __init__(
        self,
        columns: int,
        categories: Sequence[tuple[int, int]],
        width: int | None = None,
        dropout: float = 0.0,
        sparse: bool = False,
    ) -> None:
        super().__init__()
        self.places = [place for place, _ in categories]
        numbers = [column for column in range(columns) if column not in self.places]
        assert len(numbers) == columns - len(categories), (columns, categories)
        self.register_buffer("numbers", torch.tensor(numbers, dtype=torch.int64), persistent=False)
        self.tables = nn.ModuleList(
            nn.Embedding(count + 1, width or default_width(count), sparse=sparse) for _, count in categories
        )
        for table in self.tables:
            assert isinstance(table, nn.Embedding)
            nn.init.normal_(table.weight, std=table.embedding_dim**-0.5)
            nn.init.zeros_(table.weight[0].detach())
        self.dropout = nn.Dropout(dropout)
        self.width = len(numbers) + sum(table.embedding_dim for table in self.tables)  # type: ignore[misc]

    def forward(self, input: Tensor) -> Tensor:
        """Map rows (N, F), whose categories are whole numbers, to (N, width)."""
        embedded = [table(input[:, place].long()) for place, table in zip(self.places, self.tables, strict=True)]
        return torch.cat([input[:, self.numbers], self.dropout(torch.cat(embedded, 1))], 1)


def require_exact_indices(categories: Sequence[tuple[int, int]], precision: str | int) -> None:
    """Check that inputs at the precision of a trainer still tell all categories apart.

    Raises:
        UserError: they are of a type that rounds whole numbers so large.
    """
    most = max((count for _, count in categories), default=0)
    exact = _EXACT.get(str(precision), most)
    if most > exact:
        rule = f"Inputs of this type hold whole numbers up to {exact}, and a column has {most} categories."
        raise refuse(f"trainer.precision={precision}", rule, f"trainer.precision={str(precision).split('-')[0]}-mixed")
