"""Encodings of a class a pixel."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn import functional as F
from torchmetrics.classification import MulticlassAccuracy, MulticlassJaccardIndex

from lossbook.targets.classes import Index
from lossbook.targets.encoding import Measure


class MaskIndex(Index):
    """The class indices as they are, (N, H, W) int64, for scores (N, C, H, W)."""

    def measures(self) -> dict[str, Measure]:
        classes = self.width
        kwargs: dict[str, Any] = {"validate_args": False, "ignore_index": self.ignore_index}
        return {
            "iou": Measure(
                MulticlassJaccardIndex(classes, average="macro", **kwargs),
                self._decided,
                train=True,
                hint="mean over the classes, of the whole part at once",
            ),
            "acc": Measure(
                MulticlassAccuracy(classes, average="micro", **kwargs), self._decided, train=True, hint="of the pixels"
            ),
        }

    def expected_shape(self, target: Tensor) -> tuple[int, ...]:
        return (target.shape[0], self.width, *target.shape[1:])


class MaskOneHot(MaskIndex):
    """A 0/1 plane a class, (N, C, H, W) float32."""

    def encode(self, target: Tensor) -> Tensor:
        return F.one_hot(target, self.width).movedim(-1, 1).float()
