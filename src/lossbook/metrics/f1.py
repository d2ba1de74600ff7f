"""F1 of one class out of two."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torchmetrics.classification import MulticlassF1Score


class ClassF1(MulticlassF1Score):
    """2 TP / (2 TP + FP + FN) of the positive class of two; 0 where it neither occurs nor is predicted.

    Args:
        positive: index of that class, 0 or 1.
        options: of torchmetrics' ``MulticlassF1Score``.
    """

    def __init__(self, positive: int, **options: Any) -> None:
        super().__init__(2, average="none", **options)
        self.positive = positive

    def compute(self) -> Tensor:
        return super().compute()[self.positive]
