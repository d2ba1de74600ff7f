"""Encodings of real values and of counts."""

from __future__ import annotations

from torch import Tensor
from torchmetrics import MeanAbsoluteError, MeanMetric, MeanSquaredError

from lossbook.data.schema import Schema
from lossbook.errors import refuse
from lossbook.objectives.encodings.encoding import Encoding, Measure, Scores, on_device
from lossbook.objectives.metrics.explained import R2, PoissonD2
from lossbook.objectives.metrics.ranking import Ordering


class Numbers(Encoding):
    """Numbers as they are, (N, W) float32; the prediction is the score itself."""

    @property
    def width(self) -> int:
        assert self.schema.width
        return self.schema.width

    def encode(self, target: Tensor) -> Tensor:
        return target.float()

    def decide(self, scores: Scores) -> Tensor:
        return scores

    def measures(self) -> dict[str, Measure]:
        return {
            "r2": Measure(R2(), self._decided, train=True),
            "mae": Measure(MeanAbsoluteError(), self._decided, train=True),
            "rmse": Measure(MeanSquaredError(squared=False), self._decided),
        }

    def _decided(self, scores: Scores, target: Tensor) -> tuple[Tensor, ...]:
        return self.decide(scores).float(), target.float()


class Standardised(Numbers):
    """Values minus the training part's mean, divided by its scale; predictions are back in original units."""

    def __init__(self, schema: Schema) -> None:
        super().__init__(schema)
        if not len(schema.mean) == len(schema.scale) == schema.width:
            raise refuse(
                f"The schema of this data has {len(schema.mean)} values of 'mean' and {len(schema.scale)} of 'scale'.",
                f"Standardising takes one of each for every target column, {schema.width} here.",
                f"loss.accepts.{schema.target}=plain, or state them in the schema",
            )

    def encode(self, target: Tensor) -> Tensor:
        return (target.float() - on_device(self.schema.mean, target)) / on_device(self.schema.scale, target)

    def decide(self, scores: Scores) -> Tensor:
        return scores * on_device(self.schema.scale, scores) + on_device(self.schema.mean, scores)


class Rates(Numbers):
    """Counts as they are, for a criterion that takes the (log of the) rate of a Poisson distribution.

    Args:
        log_input: the scores are logarithms of the rate.
    """

    def __init__(self, schema: Schema, log_input: bool = True) -> None:
        super().__init__(schema)
        self.log_input = log_input

    def decide(self, scores: Scores) -> Tensor:
        return scores.exp() if self.log_input else scores

    def measures(self) -> dict[str, Measure]:
        return {
            "mae": Measure(MeanAbsoluteError(), self._decided, train=True),
            "d2": Measure(PoissonD2(), self._decided),
            "acc": Measure(MeanMetric(), self._exact, train=True),
        }

    def _exact(self, scores: Scores, target: Tensor) -> tuple[Tensor, ...]:
        return ((self.decide(scores).round() == target).float(),)


class Ranking(Numbers):
    """Numbers of which only the order counts, (N, 1); the score has no unit."""

    def __init__(self, schema: Schema) -> None:
        super().__init__(schema)
        if schema.width != 1:
            raise refuse(f"This data has {schema.width} target columns.", "An order needs one column.")

    @property
    def width(self) -> int:
        return 1

    def measures(self) -> dict[str, Measure]:
        return {"ordering": Measure(Ordering(), self._decided, train=True)}
