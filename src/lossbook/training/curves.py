"""The last points of a run's curves, saved in its checkpoints, so that a run resumed in place continues its curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

Point = tuple[int, Mapping[str, float]]  # a step, and what was logged at it


@dataclass(frozen=True)
class CurveState:
    """A checkpoint's state of the curves: points before ``step`` are in the files, ``points`` are all from there on.

    A step is not a clean cut: at an epoch's end the metrics are logged at its last step, the loss of the last steps one
    later, as is the next epoch's learning rate; and Lightning logs the training metrics of an epoch after the
    checkpoint is written. So a checkpoint holds the points of its last two steps.
    """

    step: int = 0
    points: Sequence[Point] = ()

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> CurveState:
        """Restore what ``state`` returned."""
        return cls(state["step"], tuple((step, metrics) for step, metrics in state["points"]))

    def state(self) -> dict[str, Any]:
        """Return plain containers."""
        return {"step": self.step, "points": [[step, dict(metrics)] for step, metrics in self.points]}


@dataclass
class RecentPoints:
    """The points of a logger's last two steps, in the order in which they were logged."""

    points: list[Point] = field(default_factory=list)

    def add(self, step: int, metrics: Mapping[str, Any]) -> None:
        """Add what is being logged."""
        metrics = {tag: value.item() if isinstance(value, Tensor) else value for tag, value in metrics.items()}
        self.points = [point for point in self.points if point[0] >= step - 1]
        self.points.append((step, metrics))

    def curves(self, due: Sequence[Point] = ()) -> CurveState:
        """Return the state of the curves; ``due``: points that will be logged next."""
        newest = max((step for step, _ in self.points or due), default=1)
        return CurveState(max(0, newest - 1), [*self.points, *due])
