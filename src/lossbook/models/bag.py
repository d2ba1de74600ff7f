"""A bag of tokens: the sum of their rows in a table, whose gradient may be sparse."""

from __future__ import annotations

from torch import Tensor, nn

from lossbook.errors import refuse
from lossbook.models.requirements import require_dropout, require_output, require_positive

PADDING = 0


class Bag(nn.Module):
    """An embedding bag, ReLU and one linear layer; the order of the tokens has no effect.

    Args:
        vocabulary: number of tokens, of which 0 is padding and counts for nothing; None where inputs are no tokens.
        output_size: width K of the output.
        output: ``vector``; another kind is refused.
        dim: width of a token's row in the table.
        dropout: probability of a hidden value to be zeroed in training; 0.5, for a table has many rows and each is
            met by few samples.
        sparse: whether the table's gradient holds only the rows that a batch has met.

    Raises:
        UserError: the inputs are no tokens, another output is needed, or a hyperparameter is out of range.
    """

    def __init__(
        self,
        vocabulary: int | None,
        output_size: int,
        output: str = "vector",
        dim: int = 128,
        dropout: float = 0.5,
        sparse: bool = False,
    ) -> None:
        super().__init__()
        if vocabulary is None:
            raise refuse("model=bag", "It takes tokens, and the inputs of this data are numbers.", "data=digit_tokens")
        require_output("bag", output, "vector")
        require_positive("bag", "dim", dim)
        require_dropout(dropout)
        self.table = nn.EmbeddingBag(vocabulary, dim, mode="sum", sparse=sparse, padding_idx=PADDING)
        nn.init.normal_(self.table.weight, std=0.02)  # torch's 1 would drown what a hundred rows sum up to
        nn.init.zeros_(self.table.weight[PADDING].detach())
        self.rest = nn.Sequential(nn.ReLU(), nn.Dropout(dropout), nn.Linear(dim, output_size))

    def forward(self, input: Tensor) -> Tensor:
        """Tokens (N, L) int64 to (N, K)."""
        return self.rest(self.table(input))
