"""One output and one target a sample."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from lossbook.errors import refuse
from lossbook.losses.inputs.arguments import Arguments
from lossbook.targets.encoding import Encoding


class Single:
    """The output beside the encoded target, of shapes that cannot broadcast.

    Args:
        encoding: encodes the target and says which shape the output must have.
        mean_over: ``samples``, ``elements`` or ``weights``.
        criterion: asked for ``weight`` and ``ignore_index`` where its mean divides by the weights.
    """

    own_terms = True  # a sample has a loss of its own

    def __init__(self, encoding: Encoding, mean_over: str, criterion: nn.Module) -> None:
        self.encoding = encoding
        self.mean_over = mean_over
        self.criterion = criterion

    def __call__(self, scores: Tensor, batch: dict[str, Any], lengths: Tensor | None) -> Arguments:
        target = batch["target"]
        expected = self.encoding.expected_shape(target)
        if tuple(scores.shape) != expected:
            raise refuse(
                f"The model gave an output of shape {tuple(scores.shape)}.",
                f"This loss and these targets take {expected}; torch would broadcast other shapes in silence.",
                "build the model with the output_size that it is given",
            )
        encoded = self.encoding.encode(target)
        if encoded.is_floating_point():
            encoded = encoded.to(scores.dtype)
        assert not encoded.is_floating_point() or encoded.shape == scores.shape, (encoded.shape, scores.shape)
        metrics = self.encoding.batch_metrics(target)
        return Arguments((scores, encoded), self._count(encoded), scores, target, metrics)

    def observed(self, scores: Tensor, lengths: Tensor | None) -> Tensor:
        """Return the scores as they are."""
        return scores

    def per_sample(self, losses: Tensor, arguments: Arguments, reduction: str) -> tuple[Tensor, Tensor]:
        """Return the losses of samples, each times its share of what the criterion's mean divides by, and the shares.

        Args:
            losses: (N, ...), not reduced.
            arguments: that the criterion got.
            reduction: that it usually does.
        """
        encoded = arguments.args[1]
        rows = losses.reshape(len(losses), -1)
        if self.mean_over == "weights" and not encoded.is_floating_point():
            return rows.sum(1), self._weights(encoded).reshape(len(encoded), -1).sum(1)
        if self.mean_over == "samples":
            each = rows.mean(1) if reduction == "mean" else rows.sum(1)
            return each, torch.ones_like(each)
        elements = encoded[0].numel()
        each = rows.sum(1) if reduction == "sum" else rows.mean(1) * elements
        return each, torch.full_like(each, elements)

    def _count(self, encoded: Tensor) -> int | Tensor:
        if self.mean_over == "elements":
            return encoded.numel()
        if self.mean_over == "weights" and not encoded.is_floating_point():
            return self._weights(encoded).sum()
        return encoded.shape[0]

    def _weights(self, index: Tensor) -> Tensor:
        """The weight of the class of each sample or pixel, 0 or False where it is ignored."""
        weight: Tensor | None = getattr(self.criterion, "weight", None)
        ignore_index = getattr(self.criterion, "ignore_index", -100)
        if weight is None:
            return index != ignore_index
        ignored = index == ignore_index
        return torch.where(ignored, 0.0, weight[index.masked_fill(ignored, 0)])
