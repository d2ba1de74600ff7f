"""An embedding and a class of each sample."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from lossbook.losses.inputs.arguments import Arguments
from lossbook.targets.encoding import Encoding


class Embeddings:
    """The embeddings (N, D) and classes (N,) of a batch, for criteria that form pairs or proxies by themselves.

    Args:
        encoding: of the target.
    """

    def __init__(self, encoding: Encoding) -> None:
        self.encoding = encoding

    def __call__(self, scores: Tensor, batch: dict[str, Any], lengths: Tensor | None) -> Arguments:
        target = batch["target"]
        return Arguments((scores, self.encoding.encode(target)), len(target), scores, target)

    def observed(self, scores: Tensor, lengths: Tensor | None) -> Tensor:
        """Return the embeddings as they are."""
        return scores
