"""Real values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from lossbook.errors import refuse
from lossbook.targets.drawing import predicted_over_true
from lossbook.targets.encoding import Encoding, Measure, Prediction, on_device
from lossbook.targets.kind import Batch, TargetKind, refuse_at
from lossbook.targets.rows import PredictionRows

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor

    from lossbook.data.schema import Schema

_LARGE = 100.0  # a mean or scale beyond which a network's first outputs, of about 1, lie too far from plain targets


class Numbers(Encoding):
    """Numbers as they are, (N, W) float32; the prediction is the score itself."""

    @property
    def width(self) -> int:
        assert self.schema.width
        return self.schema.width

    @property
    def notes(self) -> tuple[str, ...]:
        return self.far_from_zero("standardised")

    def encode(self, target: Tensor) -> Tensor:
        return target.float()

    def decide(self, scores: Tensor) -> Tensor:
        return scores

    def measures(self) -> dict[str, Measure]:
        from torchmetrics import MeanAbsoluteError, MeanSquaredError

        from lossbook.metrics.explained import R2

        return {
            "r2": Measure(R2(), self.decided, train=True),
            "mae": Measure(MeanAbsoluteError(), self.decided, train=True),
            "rmse": Measure(MeanSquaredError(squared=False), self.decided),
        }

    def far_from_zero(self, fix: str) -> tuple[str, ...]:
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

    def decided(self, scores: Tensor, target: Tensor) -> tuple[Tensor, ...]:
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

    def decide(self, scores: Tensor) -> Tensor:
        return scores * on_device(self.schema.scale, scores) + on_device(self.schema.mean, scores)


class Ranking(Numbers):
    """Numbers of which only the order counts, (N, 1); the score has no unit."""

    role: ClassVar[str] = "ranking"

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
        from lossbook.metrics.ranking import Ordering

        hint = {"acc": "pairs in the right order"}
        return {"ordering": Measure(Ordering(), self.decided, train=True, hint=hint)}


class ValueTarget(TargetKind):
    """Real values."""

    name = "value"
    promise = "real values a sample, (N, W) float32"
    encodings = {"standardised": Standardised, "plain": Numbers, "ranking": Ranking}  # noqa: RUF012
    roles = {"single": "target", "pairs": "ranking"}  # noqa: RUF012

    def shape(self, schema: Schema) -> tuple[str | int, ...]:
        return "N", schema.width or "W"

    def check(self, batch: Batch, schema: Schema, where: str, ignore_index: int | None = None) -> None:
        target = batch["target"]
        wrong = ~target.isfinite()
        if wrong.any():
            raise refuse_at(wrong, target, where, "A value is finite.", "fill or drop such records")

    def statistics(self, target: Tensor, schema: Schema) -> dict[str, Any]:
        from lossbook.data.scale import mean_and_scale

        # another shape is refused where targets are checked
        mean, scale = mean_and_scale(target.reshape(len(target), -1).double().numpy())
        return {"mean": tuple(mean.tolist()), "scale": tuple(scale.tolist())}

    def picture(self, batch: Batch, prediction: Prediction, schema: Schema) -> Figure | None:
        if prediction.decision.shape != batch["target"].shape:
            return None
        return predicted_over_true(batch["target"], prediction.decision, schema.column_names)

    def written(self, decision: Tensor, schema: Schema) -> list[str]:
        return [" ".join(f"{value:.6g}" for value in row) for row in decision.tolist()]

    def mistakes(self, prediction: Prediction, target: Tensor, schema: Schema) -> Tensor | None:
        """The largest error of a sample's columns, each in standard deviations of the training part."""
        if prediction.decision.shape != target.shape:  # a score that only ranks
            return None
        scale = on_device(schema.scale or 1.0, target)
        return ((prediction.decision - target).abs() / scale).amax(1)

    def rows(self, prediction: Prediction, schema: Schema, most: int | None = None) -> PredictionRows:
        values = prediction.decision.float().numpy()
        width = values.shape[1]
        names = schema.column_names if len(schema.column_names) == width else [str(place + 1) for place in range(width)]
        columns = {"prediction": values[:, 0]}
        if width > 1:
            columns = {f"prediction_{name}": column for name, column in zip(names, values.T, strict=True)}
        return PredictionRows(values, columns)

    def chance(self, metric: str, target: Tensor | None, schema: Schema) -> tuple[float, str] | None:
        if metric != "mae" or target is None or not len(target) or target.ndim < 2 or target.shape[1] != 1:
            return None
        middle = target.double().median()
        return float((target.double() - middle).abs().mean()), f"the value of always predicting {float(middle):g}"


KIND = ValueTarget()
