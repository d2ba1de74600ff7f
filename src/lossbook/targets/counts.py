"""Counts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lossbook.errors import refuse
from lossbook.targets.encoding import Measure, on_device
from lossbook.targets.kind import Batch, refuse_at
from lossbook.targets.values import Numbers, Ranking, Standardised, ValueTarget

if TYPE_CHECKING:
    from torch import Tensor

    from lossbook.data.schema import Schema

STARTS = ("mean", "zero")


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
            raise refuse(f"loss.accepts.{schema.target}.start={start}", f"It must be one of {', '.join(STARTS)}.")
        if start == "mean" and len(schema.mean) != schema.width:
            raise refuse(
                f"The schema of this data has {len(schema.mean)} values of 'mean'.",
                f"Starting at the mean takes one for every target column, {schema.width} here.",
                f"loss.accepts.{schema.target}.start=zero, or state them in the schema",
            )

    @property
    def notes(self) -> tuple[str, ...]:
        return self.far_from_zero("{name: rates, start: mean}") if self.start == "zero" else ()

    def placed(self, scores: Tensor) -> Tensor:
        """Tensor of rates that start at the mean; a column that is 0 throughout has none, and starts at 1."""
        if self.start == "zero":
            return scores
        means = on_device([mean if mean > 0 else 1.0 for mean in self.schema.mean], scores)
        return scores + means.log() if self.log_input else scores * (means / math.log(2))  # softplus(0) is log 2

    def decide(self, scores: Tensor) -> Tensor:
        return scores.exp() if self.log_input else scores

    def measures(self) -> dict[str, Measure]:
        from torchmetrics import MeanAbsoluteError, MeanMetric

        from lossbook.metrics.explained import PoissonD2

        return {
            "mae": Measure(MeanAbsoluteError(), self.decided, train=True),
            "d2": Measure(PoissonD2(), self.decided),
            "acc": Measure(MeanMetric(), self._exact, train=True, higher_is_better=True, hint="exact counts"),
        }

    def _exact(self, scores: Tensor, target: Tensor) -> tuple[Tensor, ...]:
        return ((self.decide(scores).round() == target).float(),)


class CountTarget(ValueTarget):
    """Counts: values that are whole and not negative."""

    name = "count"
    mixing = ""  # half an object is none
    promise = "non-negative whole numbers a sample, (N, W)"
    encodings = {"plain": Numbers, "standardised": Standardised, "rates": Rates, "ranking": Ranking}  # noqa: RUF012

    def check(self, batch: Batch, schema: Schema, where: str, ignore_index: int | None = None) -> None:
        target = batch["target"]
        wrong = target < 0
        if target.is_floating_point():
            wrong |= (target != target.round()) | target.isinf()
        if wrong.any():
            raise refuse_at(wrong, target, where, "A count is a whole number, 0 or more.")


KIND = CountTarget()
