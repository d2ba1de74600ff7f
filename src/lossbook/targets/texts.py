"""The encoding of texts: symbols beside a blank."""

from __future__ import annotations

from torch import Tensor
from torchmetrics import MeanMetric

from lossbook.data.schema import Schema
from lossbook.errors import refuse
from lossbook.metrics.texts import TextErrors, exact_matches
from lossbook.targets.encoding import Encoding, Measure


class Symbols(Encoding):
    """Symbol indices that leave the blank's place free, (N, S) int64; one output a symbol and one for the blank.

    Args:
        blank: index of the blank among the C + 1 outputs.
    """

    def __init__(self, schema: Schema, blank: int = 0) -> None:
        super().__init__(schema)
        self.blank = blank
        if not 0 <= blank < self.width:
            raise refuse(
                f"loss.criterion.blank={blank}", f"The blank is one of the {self.width} outputs, 0..{self.width - 1}."
            )

    @property
    def width(self) -> int:
        assert self.schema.classes
        return self.schema.classes + 1

    def encode(self, target: Tensor) -> Tensor:
        """Indices from ``blank`` on move up by one; padding becomes the blank, which the lengths hide."""
        shifted = target + (target >= self.blank)
        return shifted.masked_fill(target < 0, self.blank)

    def decide(self, scores: Tensor) -> Tensor:
        """The greedy reading of (N, T, C+1): most probable symbols, repeats merged, blanks dropped, padded with -1.

        Steps beyond a sample's input length must be blanks already.
        """
        path = scores.argmax(dim=2)
        keep = path != self.blank
        keep[:, 1:] &= path[:, 1:] != path[:, :-1]
        symbols = path - (path > self.blank).long()
        # a stable sort of "dropped" behind "kept" leaves the kept symbols in their order
        order = (~keep).long().argsort(dim=1, stable=True)
        return symbols.masked_fill(~keep, -1).gather(1, order)

    def measures(self) -> dict[str, Measure]:
        alphabet = self.schema.alphabet or tuple(map(str, range(self.schema.classes or 0)))
        return {
            "acc": Measure(
                MeanMetric(),
                lambda scores, target: (exact_matches(self.decide(scores), target),),
                train=True,
                higher_is_better=True,
                hint="whole texts read right",
            ),
            "errors": Measure(TextErrors(alphabet), lambda scores, target: (self.decide(scores), target)),
        }
