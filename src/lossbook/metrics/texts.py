"""How well texts were read."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional as F
from torchmetrics import Metric
from torchmetrics.text import CharErrorRate, WordErrorRate


def exact_matches(predicted: Tensor, target: Tensor) -> Tensor:
    """1.0 where a whole text was read rightly, (N,), from indices (N, S1) and (N, S2) padded with -1."""
    width = max(predicted.shape[1], target.shape[1])
    predicted = F.pad(predicted, (0, width - predicted.shape[1]), value=-1)
    target = F.pad(target, (0, width - target.shape[1]), value=-1)
    return (predicted == target).all(dim=1).float()


class TextErrors(Metric):
    """Character and word error rates (edit distance over the length of the truth), ``{"cer": ..., "wer": ...}``.

    Args:
        alphabet: the symbol of each index.
    """

    gives = {"cer": False, "wer": False}  # noqa: RUF012
    full_state_update = False

    def __init__(self, alphabet: Sequence[str]) -> None:
        super().__init__()
        self.alphabet = tuple(alphabet)
        self.cer = CharErrorRate()
        self.wer = WordErrorRate()

    def update(self, predicted: Tensor, target: Tensor) -> None:
        """Add texts as indices (N, S), padded with -1."""
        read, truth = self._strings(predicted), self._strings(target)
        self.cer.update(read, truth)
        self.wer.update(read, truth)

    def compute(self) -> dict[str, Tensor]:
        return {"cer": self.cer.compute(), "wer": self.wer.compute()}

    def reset(self) -> None:
        super().reset()
        self.cer.reset()
        self.wer.reset()

    def _strings(self, indices: Tensor) -> list[str]:
        return ["".join(self.alphabet[i] for i in row if i >= 0) for row in indices.tolist()]
