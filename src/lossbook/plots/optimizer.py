"""The picture of an optimizer: paths on a parabola and in a valley by learning rate and by momentum."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lossbook.optim.capabilities import capability
from lossbook.plots.descent import (
    PARABOLA,
    STEPS,
    VALLEY,
    Descent,
    Surface,
    descend,
    good_on_valley,
    momentum_argument,
    momentum_values,
)
from lossbook.plots.style import BLUE, FAINT, GREEN, INK, ORANGE, PURPLE, RED, picture

_RATES = ((BLUE, ":"), (GREEN, "-"), (PURPLE, "--"), (RED, "-."))
_MOMENTA = ((BLUE, ":"), (GREEN, "-"), (PURPLE, "--"))
_AVERAGES = ((0.8, BLUE, ":"), (0.9, GREEN, "-"), (0.95, PURPLE, "--"), (0.98, ORANGE, "-."))
_WINDOW = {1: ((-3.4, 3.4), (-3.0, 44.0)), 2: ((-5.2, 5.2), (-3.0, 3.0))}


def draw(name: str, node: Mapping[str, Any], rates: Sequence[float], path: Path, given: Sequence[str] = ()) -> None:
    """Write the picture of an optimizer as PNG.

    Args:
        name: of the option.
        node: its config, as plain containers.
        rates: four learning rates, from small to large.
        path: of the file.
        given: the user's settings, for the title.
    """
    momentum = momentum_argument(node)
    with picture(path, 18, 10.4 if momentum else 7.2) as figure:
        below = figure.add_gridspec(3 if momentum else 2, 5, width_ratios=(1, 1, 1, 1, 1.35))
        title = f"What the learning rate does: {name}" + (f", {', '.join(given)}" if given else "")
        figure.suptitle(title, fontsize=17, fontweight="bold", x=0.01, ha="left")
        for row, surface in enumerate((PARABOLA, VALLEY)):
            paths = [descend(node, surface, lr) for lr in rates]
            labels = [f"lr {lr:g}" for lr in rates]
            _row(figure, below[row, :], surface, paths, labels, _RATES)
        if momentum:
            key, arguments = momentum
            lr = good_on_valley({**node, **arguments(0.9)})
            values = momentum_values(node)
            paths = [descend({**node, **arguments(value)}, VALLEY, lr) for value in values]
            labels = [f"{key} {value:g}" for value in values]
            _row(figure, below[2, :], VALLEY, paths, labels, _MOMENTA, f", lr {lr:g}")
            _averages(figure.add_subplot(below[2, 3]))
        figure.supxlabel(_notes(node), fontsize=11, color=INK, x=0.01, ha="left")


def _row(
    figure: Figure,
    cells: Any,
    surface: Surface,
    paths: Sequence[Descent],
    labels: Sequence[str],
    styles: Sequence[tuple[str, str]],
    common: str = "",
) -> None:
    """Draw a row: a panel for each path, titled by its label and what is common to all, and the losses of all paths."""
    spec, row = cells.get_gridspec(), cells.rowspan.start
    for column, (each, label, (color, _)) in enumerate(zip(paths, labels, styles, strict=True)):
        axes = figure.add_subplot(spec[row, column])
        _path(axes, surface, each, color)
        axes.set_title(label + common, color=color, fontweight="bold", fontsize=13)
        if column == 0:
            axes.set_ylabel(surface.formula, fontsize=13)
    _losses(figure.add_subplot(spec[row, 4]), paths, labels, styles)


def _path(axes: Axes, surface: Surface, descent: Descent, color: str) -> None:
    across, up = _WINDOW[len(surface.start)]
    points = descent.points[: STEPS + 1]
    lost = descent.verdict == "diverges"
    if lost:  # only until it leaves the window, which it would otherwise cross at every step
        beyond = np.abs(points[:, -1]) > up[1] if len(surface.start) > 1 else descent.heights[: len(points)] > up[1]
        points = points[: int(np.argmax(beyond)) + 1] if beyond.any() else points
    if len(surface.start) == 1:
        line = np.linspace(*across, 200)
        axes.plot(line, surface(line[:, None]), color=FAINT, linewidth=1.2)
        x, y = points[:, 0], descent.heights[: len(points)]
        axes.set_xlabel("x", labelpad=1)
    else:
        grid = np.stack(np.meshgrid(np.linspace(*across, 120), np.linspace(*up, 120)), -1)
        levels = np.geomspace(0.05, 60, 9)
        axes.contour(grid[..., 0], grid[..., 1], surface(grid), levels=levels, colors="#C8C8C8", linewidths=0.8)
        x, y = points[:, 0], points[:, 1]
        axes.plot(0, 0, "+", color=INK, markersize=9, markeredgewidth=1.6)
        axes.set_xlabel("x", labelpad=1)
    axes.plot(x, y, "o-", color=color, linewidth=1.3, markersize=4, markeredgecolor=INK, markeredgewidth=0.3)
    axes.plot(x[0], y[0], "o", color=INK, markersize=7, zorder=5)
    axes.set_xlim(*across)
    axes.set_ylim(*up)
    axes.grid(False)
    axes.text(
        0.5,
        0.97,
        descent.verdict.upper() if lost else descent.verdict,
        transform=axes.transAxes,
        ha="center",
        va="top",
        fontsize=14 if lost else 12,
        fontweight="bold" if lost else "normal",
        color=RED if lost else INK,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.5},
    )
    for spine in axes.spines.values():
        spine.set_visible(True)
        if lost:
            spine.set(color=RED, linewidth=2.5)


def _losses(axes: Axes, paths: Sequence[Descent], labels: Sequence[str], styles: Sequence[tuple[str, str]]) -> None:
    start = float(paths[0].heights[0])
    low, high = 1e-5 * start, 1e4 * start
    for each, label, (color, line) in zip(paths, labels, styles, strict=True):
        heights = np.clip(each.heights[: STEPS + 1], low / 10, high * 10)
        axes.plot(heights, line, color=color, linewidth=2.2, label=label)
        if each.verdict == "diverges":
            out = int(np.argmax(~(heights < high))) or len(heights) - 1
            axes.plot(out, min(heights[out], high), "X", color=RED, markersize=13, clip_on=False, zorder=5)
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    axes.set_xlim(0, STEPS)
    axes.set_title("loss against step")
    axes.legend(loc="upper right", ncols=2, fontsize=10, handlelength=2.4, columnspacing=1.0)


def _averages(axes: Axes) -> None:
    """Draw the weights of past gradients in an exponential moving average with decay b."""
    ages = np.arange(51)
    for b, color, line in _AVERAGES:
        label = f"b {b:g}: mean of about {1 / (1 - b):.0f}"
        axes.plot(ages, (1 - b) * b**ages, line, color=color, linewidth=2.2, label=label)
    axes.set_xlim(0, 50)
    axes.set_ylim(0, 0.21)
    axes.set_title("weight (1 − b) bᵏ of the\ngradient k steps ago", fontsize=12)
    axes.set_xlabel("k", labelpad=1)
    axes.legend(loc="upper right")


def _notes(node: Mapping[str, Any]) -> str:
    """Return notes that explain the picture of this optimizer."""
    can = capability(str(node["_target_"]))
    found = [f"Each path has {STEPS} steps from the black dot; it converges if the loss stays below 1 % of its start."]
    if can.takes == "matrices":
        found.append(
            "It only trains matrices: the point is a matrix of one row, whose orthogonalised update has a fixed length,"
            " so that it oscillates around the minimum unless a schedule reduces lr."
        )
    if can.sparse == "only":
        found.append("It only takes sparse gradients: each coordinate is a row of an embedding.")
    if can.closure:
        found.append("Each step is one iteration with its line search; a step of a run has up to max_iter of them.")
    if not can.schedule:
        found.append("lr is only the initial step size.")
    if can.averages:
        found.append("The path is that of the weights themselves, not of their average, which it also keeps.")
    return textwrap.fill(" ".join(found), 210)
