"""Where the curves of a run stand when a checkpoint is written, so that a run that goes on in place continues them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

Point = tuple[int, Mapping[str, float]]  # a step, and what was logged at it


@dataclass(frozen=True)
class CurveState:
    """What a checkpoint knows of the curves: points before ``step`` lie in the files, these are all from there on.

    A step is no clean cut: at an epoch's end the figures are logged at its last step, the loss of the last steps one
    later, and the next epoch's learning rate at that place, too; and Lightning logs the training figures of an epoch
    after the checkpoint is written. So the checkpoint carries the points of its last two steps.
    """

    step: int = 0
    points: Sequence[Point] = ()

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> CurveState:
        """Out of a checkpoint's entry, as ``state`` gave it."""
        return cls(state["step"], tuple((step, figures) for step, figures in state["points"]))

    def state(self) -> dict[str, Any]:
        """Plain containers alone."""
        return {"step": self.step, "points": [[step, dict(figures)] for step, figures in self.points]}


@dataclass
class RecentPoints:
    """The points of a logger's last two steps, in the order in which they were logged."""

    points: list[Point] = field(default_factory=list)

    def add(self, step: int, metrics: Mapping[str, Any]) -> None:
        """Notes what is being logged."""
        figures = {tag: value.item() if isinstance(value, Tensor) else value for tag, value in metrics.items()}
        self.points = [point for point in self.points if point[0] >= step - 1]
        self.points.append((step, figures))

    def curves(self, due: Sequence[Point] = ()) -> CurveState:
        """Where the curves stand now; ``due``: points that are certain to be logged next."""
        newest = max((step for step, _ in self.points or due), default=1)
        return CurveState(max(0, newest - 1), [*self.points, *due])
