"""Encodings of a distribution over the classes."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics import KLDivergence
from torchmetrics.classification import MulticlassAccuracy

from lossbook.data.schema import Schema
from lossbook.targets.classes import ClassEncoding
from lossbook.targets.encoding import Measure, Scores


class Distribution(ClassEncoding):
    """The probabilities as they are, (N, C) float32.

    Accuracy compares the most probable classes (of equally probable ones the first); ``kl`` is the divergence of the
    prediction from the target.

    Args:
        log_target: give log-probabilities, for a criterion that wants its target so.
    """

    def __init__(self, schema: Schema, log_target: bool = False) -> None:
        super().__init__(schema)
        self.log_target = log_target

    def encode(self, target: Tensor) -> Tensor:
        if self.log_target:
            # log 0 is -inf, and 0 * -inf nan; the smallest number that is not 0 stands in for it
            return target.float().clamp_min(torch.finfo(torch.float32).tiny).log()
        return target.float()

    def measures(self) -> dict[str, Measure]:
        accuracy = MulticlassAccuracy(self.width, average="micro", validate_args=False)
        return {
            "acc": Measure(accuracy, lambda scores, target: (scores.argmax(1), target.argmax(1)), train=True),
            "kl": Measure(KLDivergence(log_prob=True), self._logs),
        }

    def _logs(self, scores: Scores, target: Tensor) -> tuple[Tensor, ...]:
        # a log-softmax of log-probabilities changes nothing, so logits and log-probabilities may both come
        return target.float().clamp_min(torch.finfo(torch.float32).tiny).log(), scores.float().log_softmax(dim=1)
