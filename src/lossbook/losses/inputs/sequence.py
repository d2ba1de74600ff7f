"""A sequence of outputs, a text, and the lengths of both."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from lossbook.errors import refuse
from lossbook.losses.inputs.arguments import Arguments
from lossbook.targets.texts import Symbols


class Sequence:
    """Log-probabilities (T, N, C+1), texts, and two lengths, as CTC takes them.

    Args:
        encoding: of the texts.
        criterion: its ``zero_infinity`` decides whether texts that do not fit are an error or counted.
    """

    own_terms = True  # a sample has a loss of its own

    def __init__(self, encoding: Symbols, criterion: nn.Module) -> None:
        self.encoding = encoding
        self.zero_infinity = bool(getattr(criterion, "zero_infinity", False))

    def __call__(self, scores: Tensor, batch: dict[str, Any], lengths: Tensor | None) -> Arguments:
        if scores.ndim != 3 or scores.shape[2] != self.encoding.width:
            raise refuse(
                f"The model gave an output of shape {tuple(scores.shape)}.",
                f"This loss takes (N, T, {self.encoding.width}): a score for each symbol and the blank at each step.",
                "model=crnn",
            )
        target, target_lengths = batch["target"], batch["target_lengths"]
        if lengths is None:
            lengths = torch.full((scores.shape[0],), scores.shape[1], device=scores.device)
        if int(lengths.max()) > scores.shape[1]:
            raise refuse(
                f"The model gave {scores.shape[1]} steps and says that {int(lengths.max())} of them count.",
                "An output length is at most the number of steps.",
            )
        misfits = _needed(target, target_lengths) > lengths
        number = int(misfits.sum())
        if number and not self.zero_infinity:
            sample = int(misfits.nonzero()[0])
            raise refuse(
                f"{number} of {len(misfits)} texts need more steps than the "
                f"output has; sample {sample}: {int(target_lengths[sample])} symbols, {int(lengths[sample])} steps.",
                "Each symbol takes a step, and so does the blank between equal neighbours; else CTC is infinite.",
                "a model with less pooling, or loss.criterion.zero_infinity=true to pass over and count such texts",
            )
        encoded = self.encoding.encode(target)
        args = (scores.transpose(0, 1), encoded, lengths, target_lengths)
        metrics = {"skipped": misfits.float().mean()} if self.zero_infinity else {}
        return Arguments(args, len(target), self.observed(scores, lengths), target, metrics)

    def per_sample(self, losses: Tensor, arguments: Arguments, reduction: str) -> tuple[Tensor, Tensor]:
        """Return the losses (N,) of samples as CTC's mean takes them, over their lengths, and their shares."""
        each = losses / arguments.args[3].clamp_min(1) if reduction == "mean" else losses
        return each, torch.ones_like(each)

    def observed(self, scores: Tensor, lengths: Tensor | None) -> Tensor:
        """Return the scores with a certain blank at every step beyond a sample's length."""
        if lengths is None:
            return scores.detach()
        beyond = torch.arange(scores.shape[1], device=scores.device) >= lengths[:, None]
        blanks = scores.detach().masked_fill(beyond[..., None], -torch.inf)
        blanks[..., self.encoding.blank].masked_fill_(beyond, 0.0)
        return blanks


def _needed(target: Tensor, lengths: Tensor) -> Tensor:
    """The steps that each text takes at least: its symbols, and a blank between equal neighbours."""
    within = torch.arange(1, max(1, target.shape[1]), device=target.device) < lengths[:, None]
    return lengths + ((target[:, 1:] == target[:, :-1]) & within).sum(1)
