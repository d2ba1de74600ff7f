"""Cyclic schedules, which move the momentum against the learning rate."""

from __future__ import annotations

from dataclasses import dataclass

from torch.optim import Optimizer

from lossbook.errors import UserError
from lossbook.optim.schedules.checks import no_momentum
from lossbook.optim.schedules.schedule import Schedule
from lossbook.optim.schedules.shapes import half_cosine, line, triangle

_ANNEAL = {"cos": half_cosine, "linear": line}


@dataclass(eq=False, repr=False)
class OneCycle(Schedule):
    """The 1cycle policy: up to the peak and far down (Smith and Topin 2017; ``torch.optim.lr_scheduler.OneCycleLR``).

    Args:
        pct_start: share of the time spent increasing the rate.
        anneal_strategy: ``cos`` or ``linear``.
        cycle_momentum: move momentum (``betas[0]``) from ``max_momentum`` to ``base_momentum`` and back, inversely to
            the rate.
        div_factor: peak divided by the initial rate.
        final_div_factor: initial rate divided by the final rate.
        three_phase: decrease as fast as the rate increased, then anneal to the final rate in a third phase.

    Raises:
        UserError: momentum is to be cycled, and no group has any.
    """

    pct_start: float = 0.3
    anneal_strategy: str = "cos"
    cycle_momentum: bool = True
    base_momentum: float = 0.85
    max_momentum: float = 0.95
    div_factor: float = 25.0
    final_div_factor: float = 1e4
    three_phase: bool = False

    def __post_init__(self) -> None:
        _require_momentum(self.optimizer, self.cycle_momentum)
        super().__post_init__()

    def shape(self, time: int) -> float:
        first = 1 / self.div_factor
        last = first / self.final_div_factor
        return self._through([first, 1.0, first, last] if self.three_phase else [first, 1.0, last], time)

    def momentum(self, step: int) -> float | None:
        top, low = self.max_momentum, self.base_momentum
        corners = [top, low, top, top] if self.three_phase else [top, low, top]
        return self._through(corners, self.time(step)) if self.cycle_momentum else None

    def _through(self, corners: list[float], time: int) -> float:
        """Interpolate between the values at the ends of the phases; the last one holds afterwards."""
        rise = self.pct_start * self.span
        ends = [rise - 1, 2 * rise - 2, self.span - 1] if self.three_phase else [rise - 1, self.span - 1]
        begin = 0.0
        for phase, end in enumerate(ends):
            if time <= end and end > begin:
                t = (time - begin) / (end - begin)
                return _ANNEAL[self.anneal_strategy](corners[phase], corners[phase + 1], t)
            begin = end
        return corners[-1]


@dataclass(eq=False, repr=False)
class Cyclic(Schedule):
    """Triangular cycles between a low rate and the peak (Smith 2017; ``torch.optim.lr_scheduler.CyclicLR``).

    Args:
        base_lr: lowest rate as a share of the peak, in [0, 1].
        step_size_up: length of an increase: below 1 a share of the time after the warmup, from 1 a number of intervals.
        step_size_down: length of a decrease, likewise; None: that of an increase.
        mode: ``triangular``, ``triangular2`` (amplitude halved each cycle), ``exp_range`` (times ``gamma`` every
            interval).
        gamma: of ``exp_range``, above 0.
        cycle_momentum: move momentum (``betas[0]``) between ``max_momentum`` and ``base_momentum``, inversely to the
            rate.

    Raises:
        UserError: momentum is to be cycled, and no group has any.
    """

    base_lr: float = 0.01
    step_size_up: float = 0.125
    step_size_down: float | None = None
    mode: str = "triangular"
    gamma: float = 1.0
    cycle_momentum: bool = True
    base_momentum: float = 0.8
    max_momentum: float = 0.9

    def __post_init__(self) -> None:
        _require_momentum(self.optimizer, self.cycle_momentum)
        super().__post_init__()

    def shape(self, time: int) -> float:
        return line(self.base_lr, 1.0, self._amplitude(time))

    def momentum(self, step: int) -> float | None:
        return (
            line(self.max_momentum, self.base_momentum, self._amplitude(self.time(step)))
            if self.cycle_momentum
            else None
        )

    def _amplitude(self, time: int) -> float:
        """Return 0 at a cycle's ends and 1 at its peak; later peaks are lower, depending on the mode."""
        up = self.intervals(self.step_size_up)
        cycle, height = triangle(time, up, up if self.step_size_down is None else self.intervals(self.step_size_down))
        if self.mode == "triangular2":
            return height / 2.0**cycle
        return height * self.gamma**time if self.mode == "exp_range" else height


def _require_momentum(optimizer: Optimizer, cycled: bool) -> None:
    if cycled and not any({"momentum", "betas"} & group.keys() for group in optimizer.param_groups):
        raise UserError(no_momentum(type(optimizer).__name__))
