"""Encodings of real values and of counts."""

from __future__ import annotations

import math

from torch import Tensor
from torchmetrics import MeanAbsoluteError, MeanMetric, MeanSquaredError

from lossbook.data.schema import Schema
from lossbook.errors import refuse
from lossbook.metrics.explained import R2, PoissonD2
from lossbook.metrics.ranking import Ordering
from lossbook.targets.encoding import Encoding, Measure, Scores, on_device

STARTS = ("mean", "zero")
_LARGE = 100.0  # a mean or scale beyond which a network's first outputs, of about 1, lie too far from plain targets


class Numbers(Encoding):
    """Numbers as they are, (N, W) float32; the prediction is the score itself."""

    @property
    def width(self) -> int:
        assert self.schema.width
        return self.schema.width

    @property
    def notes(self) -> tuple[str, ...]:
        return self._far_away("standardised")

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

    def _far_away(self, fix: str) -> tuple[str, ...]:
        """The note on targets so large that training goes to their mean first, with the value that avoids it."""
        means, scales = self.schema.mean, self.schema.scale
        largest = max((*map(abs, means), *scales), default=0.0)
        if largest <= _LARGE:
            return ()
        kind = self.schema.target
        return (
            f"{kind}s are taken as they are, with a mean or deviation of {largest:,.4g}, and outputs start near 0:"
            f" loss.accepts.{kind}={fix} learns sooner",
        )

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

    @property
    def notes(self) -> tuple[str, ...]:
        return ()

    def encode(self, target: Tensor) -> Tensor:
        return (target.float() - on_device(self.schema.mean, target)) / on_device(self.schema.scale, target)

    def decide(self, scores: Scores) -> Tensor:
        return scores * on_device(self.schema.scale, scores) + on_device(self.schema.mean, scores)


class Rates(Numbers):
    """Counts as they are, for a criterion that takes the (log of the) rate of a Poisson distribution.

    Args:
        log_input: the scores are logarithms of the rate.
        start: which rate an output of 0 stands for: ``mean``, that of the training part, from where any network learns
            counts of any size; or ``zero``, as the criterion has it: a rate of 1, or of log 2 behind softplus.
    """

    def __init__(self, schema: Schema, log_input: bool = True, start: str = "zero") -> None:
        super().__init__(schema)
        self.log_input = log_input
        self.start = start
        if start not in STARTS:
            raise refuse(f"loss.accepts.{schema.target}.start={start}", f"It is one of {', '.join(STARTS)}.")
        if start == "mean" and len(schema.mean) != schema.width:
            raise refuse(
                f"The schema of this data has {len(schema.mean)} values of 'mean'.",
                f"Starting at the mean takes one for every target column, {schema.width} here.",
                f"loss.accepts.{schema.target}.start=zero, or state them in the schema",
            )

    @property
    def notes(self) -> tuple[str, ...]:
        return self._far_away("{name: rates, start: mean}") if self.start == "zero" else ()

    def placed(self, scores: Scores) -> Tensor:
        """Scores of rates that start at the mean; a column that is 0 throughout has none, and starts at 1."""
        if self.start == "zero":
            return scores
        means = on_device([mean if mean > 0 else 1.0 for mean in self.schema.mean], scores)
        return scores + means.log() if self.log_input else scores * (means / math.log(2))  # softplus(0) is log 2

    def decide(self, scores: Scores) -> Tensor:
        return scores.exp() if self.log_input else scores

    def measures(self) -> dict[str, Measure]:
        return {
            "mae": Measure(MeanAbsoluteError(), self._decided, train=True),
            "d2": Measure(PoissonD2(), self._decided),
            "acc": Measure(MeanMetric(), self._exact, train=True, higher_is_better=True, hint="exact counts"),
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
    def notes(self) -> tuple[str, ...]:
        return ()

    @property
    def width(self) -> int:
        return 1

    def measures(self) -> dict[str, Measure]:
        hint = {"acc": "pairs in the right order"}
        return {"ordering": Measure(Ordering(), self._decided, train=True, hint=hint)}
