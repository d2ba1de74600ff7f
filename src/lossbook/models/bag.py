"""A bag-of-tokens model: a sum of embeddings, whose gradient may be sparse."""

from __future__ import annotations

from torch import Tensor, nn

from lossbook.errors import refuse
from lossbook.models.requirements import require_dropout, require_output, require_positive

PADDING = 0


class Bag(nn.Module):
    """An embedding bag, ReLU and one linear layer; the order of the tokens has no effect.

    Args:
        vocabulary: number of tokens, of which 0 is padding and is ignored; None where inputs are not tokens.
        output_size: width K of the output.
        output: must be ``vector``.
        dim: width of the embeddings.
        dropout: probability of zeroing a hidden value in training; 0.5, since the many embeddings are each trained on
            few samples.
        sparse: whether the gradient of the embeddings holds only the rows of a batch's tokens.

    Raises:
        UserError: the inputs are not tokens, another kind of output is needed, or a hyperparameter is out of range.
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
            raise refuse("model=bag", "It takes tokens, but the inputs of this data are numbers.", "data=digit_tokens")
        require_output("bag", output, "vector")
        require_positive("bag", "dim", dim)
        require_dropout(dropout)
        self.table = nn.EmbeddingBag(vocabulary, dim, mode="sum", sparse=sparse, padding_idx=PADDING)
        nn.init.normal_(self.table.weight, std=0.02)  # torch's 1 would make sums of a hundred embeddings too large
        nn.init.zeros_(self.table.weight[PADDING].detach())
        self.rest = nn.Sequential(nn.ReLU(), nn.Dropout(dropout), nn.Linear(dim, output_size))

    def forward(self, input: Tensor) -> Tensor:
        """Map tokens (N, L) int64 to outputs (N, K)."""
        return self.rest(self.table(input))
