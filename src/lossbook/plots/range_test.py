"""The picture of a learning rate range test: loss over learning rate, with the suggested rate."""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path

import numpy as np

from lossbook.optim.range_test import RangeTestCurve
from lossbook.plots.style import BLUE, FAINT, INK, ORANGE, RED, picture


def draw(curve: RangeTestCurve, title: str, path: Path) -> None:
    """Write the picture of a curve as PNG."""
    rates, losses, smoothed = np.asarray(curve.rates), np.asarray(curve.losses), curve.smoothed()
    found = curve.suggestion()
    with picture(path, 9, 5.4) as figure:
        axes = figure.add_subplot()
        axes.plot(rates, losses, color=FAINT, linewidth=0.8, alpha=0.7, label="loss of each batch")
        axes.plot(rates, smoothed, color=BLUE, linewidth=2.4, label="smoothed")
        low, high = _limits(curve.start, losses, smoothed)
        axes.set_ylim(low, high)
        axes.set_xscale("log")
        axes.set_xlim(rates[0], rates[-1] * 1.15)
        axes.set_xlabel("learning rate of the step before the batch (log scale)")
        axes.set_ylabel("loss")
        axes.set_title(f"Learning rate range test: {title}", loc="left", pad=12)
        if found is not None:
            at = {lr: float(np.interp(np.log(lr), np.log(rates), smoothed)) for lr in astuple(found)}
            minimum = float(rates[smoothed.argmin()])
            for lr, height, shape, label in (
                (found.steepest, at[found.steepest], "v", f"falls fastest: {found.steepest:.2g}"),
                (minimum, float(smoothed.min()), "s", f"minimum: {minimum:.2g} (a tenth of it: {found.tenth:.2g})"),
            ):
                axes.plot(lr, height, shape, color=ORANGE, markeredgecolor=INK, markersize=8, zorder=4, label=label)
            axes.axvline(found.lr, color=RED, linewidth=1.4, linestyle="--", alpha=0.8)
            axes.plot(found.lr, at[found.lr], "o", color=RED, markersize=10, zorder=5, label="geometric mean of both")
            axes.annotate(
                f"suggested: {found.lr:g}",
                (found.lr, high),
                xytext=(-8, -6),
                textcoords="offset points",
                ha="right",
                va="top",
                color=RED,
                fontsize=13,
                fontweight="bold",
            )
        if curve.diverged:
            axes.annotate(
                f"diverges\nat {rates[-1]:.2g}",
                (rates[-1], high),
                xytext=(-30, -6),
                textcoords="offset points",
                ha="right",
                va="top",
                color=INK,
            )
        axes.legend(loc="lower left")


def _limits(start: float, losses: np.ndarray, smoothed: np.ndarray) -> tuple[float, float]:
    """Return the limits of the loss axis: all losses up to the minimum, without the divergence after it."""
    low = min(float(losses.min()), float(smoothed.min()))
    before = losses[: int(smoothed.argmin()) + 1]
    high = max(start, float(before.max()))
    span = high - low or 1.0
    return low - 0.08 * span, high + 0.35 * span
