"""The path of an optimizer on two simple surfaces, and whether it converges."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from lossbook.optim.capabilities import Capability, capability
from lossbook.optim.make import OptimizerFactory
from lossbook.trust import OWN_CONFIG

STEPS = 60  # of a path
Verdict = Literal["does not move", "too slow", "converges", "overshoots, converges", "oscillates", "diverges"]


@dataclass(frozen=True)
class Surface:
    """A quadratic function with its minimum 0 at the origin.

    Args:
        formula: for the reader.
        curvatures: of each coordinate x; the function is the sum of curvature / 2 times x squared.
        start: the first point of every path.
    """

    formula: str
    curvatures: tuple[float, ...]
    start: tuple[float, ...]

    def __call__(self, point: Any) -> Any:
        """Return the height at a point (..., D), a tensor or an array."""
        return sum(0.5 * curvature * point[..., place] ** 2 for place, curvature in enumerate(self.curvatures))


PARABOLA = Surface("y = 4 x²", (8.0,), (2.0,))
VALLEY = Surface("z = 0.2 x² + 4 y²", (0.4, 8.0), (-4.0, 1.5))  # the parabola in y, 20 times flatter in x


@dataclass(frozen=True)
class Descent:
    """The path of an optimizer on a surface.

    Args:
        lr: learning rate.
        points: (steps + 1, D), from the start; fewer where the numbers overflow.
        heights: (steps + 1,) of the surface at the points.
    """

    lr: float
    points: np.ndarray
    heights: np.ndarray

    @property
    def verdict(self) -> Verdict:
        """How the path ends; it converges if it reaches a hundredth of its initial height and stays below."""
        # several last steps, because an oscillating path may be low by chance at the last one
        start, end = self.heights[0], self.heights[-10:].max()
        if not end <= 100 * start:  # nan, too
            return "diverges"
        if np.allclose(self.points, self.points[0], rtol=1e-3):
            return "does not move"
        steep = self.points[:, -1]
        across = bool((steep * np.sign(steep[0]) < -0.05 * abs(steep[0])).any())
        if self.converged_at is not None:
            return "overshoots, converges" if across else "converges"
        return "oscillates" if across else "too slow"

    @property
    def converged_at(self) -> int | None:
        """The step from which the height stays below a hundredth of the initial one; None where there is none."""
        above = np.flatnonzero(~(self.heights <= 0.01 * self.heights[0]))
        return int(above[-1]) + 1 if above[-1] + 1 < len(self.heights) else None


class Point(nn.Module):
    """A point on a surface, as a parameter of a shape that the optimizer supports.

    A vector (D,); a matrix (1, D) for an optimizer of matrices; an embedding of D rows for one of sparse gradients.
    """

    def __init__(self, start: Sequence[float], can: Capability) -> None:
        super().__init__()
        values = torch.tensor(start, dtype=torch.float64)
        if can.sparse == "only":
            self.table = nn.Embedding(len(start), 1, sparse=True, _weight=values[:, None])
        else:
            self.value = nn.Parameter(values[None] if can.takes == "matrices" else values)

    def forward(self) -> Tensor:
        """(D,)"""
        if hasattr(self, "table"):
            return self.table(torch.arange(self.table.num_embeddings))[:, 0]
        return self.value.flatten()


def descend(node: Mapping[str, Any], surface: Surface, lr: float, steps: int = STEPS) -> Descent:
    """Return the path of the optimizer of a config node, built as for a run, with a given learning rate."""
    can = capability(str(node["_target_"]))
    counted = {name: max(1, round(share * steps)) for name, share in can.share_of_run if node.get(name) is None}
    # LBFGS makes many iterations a step; here each is shown
    single = {"max_iter": 1} if can.closure and "max_iter" in node else {}
    rest = {"rest": {**node["rest"], "lr": lr}} if isinstance(node.get("rest"), Mapping) else {}
    module = Point(surface.start, can)
    optimizer = OptimizerFactory({"optim": {**node, **counted, **single, **rest, "lr": lr}}, OWN_CONFIG)(module)

    def closure() -> Tensor:
        optimizer.zero_grad()
        height: Tensor = surface(module())
        height.backward()
        return height

    points = [module().detach().numpy().copy()]
    for _ in range(steps):
        optimizer.step(closure)  # type: ignore[arg-type]
        points.append(module().detach().numpy().copy())
        if not np.abs(points[-1]).max() < 1e30:
            break
    path = np.stack(points)
    return Descent(lr, path, surface(path))


# ten a decade, including 1 / 8, the inverse of the parabola's curvature
RATES = tuple(
    float(f"{digits}e{power}")
    for power in range(-3, 3)
    for digits in ("1", "1.25", "1.6", "2", "2.5", "3.2", "4", "5", "6.3", "8")
)
SOON = 38  # steps within which a good learning rate converges
FAR = 64


def telling_rates(node: Mapping[str, Any]) -> list[float]:
    """Return four learning rates from small to large that show all behaviours: too slow, good, too large, diverging.

    The good one is the smallest that converges within ``SOON`` steps in the valley, the last one the smallest that
    diverges there. An optimizer with bounded steps may never diverge; then the last is ``FAR`` times the good one.
    """
    good = good_on_valley(node)
    lost = _smallest(node, RATES.index(good), lambda found: found.verdict == "diverges", at_most=FAR * good)
    last = float(f"{FAR * good:.2g}") if lost is None else lost
    middle = min(RATES, key=lambda lr: abs(np.log(lr * lr / good / last)))
    return [good / 10, good, middle, last]


def _smallest(
    node: Mapping[str, Any], first: int, holds: Callable[[Descent], bool], at_most: float = RATES[-1]
) -> float | None:
    """Return the smallest of ``RATES`` from an index whose path in the valley has a property, None where none has.

    Rates are doubled until one has it; then those within the last doubling are tried.
    """
    for place in range(first, len(RATES), 3):
        if RATES[place] > 1.001 * at_most:
            return None
        if holds(descend(node, VALLEY, RATES[place])):
            within = range(max(first, place - 2), place)
            return next((RATES[one] for one in within if holds(descend(node, VALLEY, RATES[one]))), RATES[place])
    return None


def multiples(lr: float) -> list[float]:
    """Return four learning rates around a given one."""
    return [float(f"{lr * factor:.3g}") for factor in (0.1, 1, 3, 10)]


def good_on_valley(node: Mapping[str, Any]) -> float:
    """Return the smallest learning rate that soon converges in the valley, or else the one that ends lowest."""
    good = _smallest(node, 0, lambda found: found.converged_at is not None and found.converged_at <= SOON)
    if good is not None:
        return good
    found = [descend(node, VALLEY, lr) for lr in RATES[::4]]
    return min(found, key=lambda each: float(np.nan_to_num(each.heights[-1], nan=np.inf))).lr


def momentum_argument(node: Mapping[str, Any]) -> tuple[str, Callable[[float], dict[str, Any]]] | None:
    """Return the hyperparameter by which past gradients decay, and a function from its value to arguments."""
    if "momentum" in node:
        return "momentum", lambda value: {"momentum": value}
    if "betas" in node:
        return "betas[0]", lambda value: {"betas": [value, *node["betas"][1:]]}
    if "rho" in node:
        return "rho", lambda value: {"rho": value}
    return None


def momentum_values(node: Mapping[str, Any]) -> list[float]:
    """Return values of that hyperparameter to compare: 0 (0.5 for Nesterov's, which needs some), usual, large."""
    return [0.5 if node.get("nesterov") else 0.0, 0.9, 0.99]
