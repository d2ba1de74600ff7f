"""Axes and legends that all pictures share: limits, scales, room for labels, legends outside the axes."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from typing import Any

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from lossbook.plots.style import INK

DISTINCT = 0.25  # the part of an axis or of the colours that the better half of the values needs
_LETTER_INCHES = 0.085  # the width of a letter in a label
_LOG_FROM = 100  # an axis whose numbers differ by this factor is logarithmic


def visible_count(values: Sequence[float], mode: str, part: float = 0.1) -> int:
    """Return how many of these values, from the best on, share an axis: one that diverged must not squash the others.

    Values are left out, fewer than half of all, if with them the better half would take up less than a tenth of the
    axis and could not be distinguished.

    Args:
        values: in any order.
        mode: ``max`` or ``min``.
        part: of the axis, instead of a tenth.
    """
    values = sorted(values, reverse=mode == "max")
    for better in range(max(2, len(values) - max(1, (len(values) - 1) // 2)), len(values)):
        if spread := abs(values[0] - values[better - 1]):  # equal values need no room
            return sum(abs(values[0] - value) * part <= spread for value in values)
    return len(values)


def limits(values: Sequence[float], margin: float = 0.06) -> tuple[float, float]:
    """Return the ends of an axis that shows all these values, with a margin (a part of their span) on either side."""
    low, high = min(values), max(values)
    room = (high - low) * margin or abs(high) * 0.02 or 0.02
    return low - room, high + room


def limits_near_best(values: Sequence[float], mode: str, completed: Sequence[float]) -> tuple[float, float]:
    """Return the ends of an axis for the better three quarters of many values, however many of them are far behind.

    Args:
        values: all.
        mode: ``max`` or ``min``.
        completed: the values of those that were not pruned; their better three quarters keep a twelfth of the axis.
    """
    sign = 1 if mode == "max" else -1
    good, every = (sorted(sign * value for value in some) for some in (completed or values, values))
    top = max(good[-1], every[-1])
    reach = 12 * max(top - good[len(good) // 4], 1e-3 * abs(top), 1e-9)
    span = top - max(every[len(every) // 4], top - reach)
    span = span or top - every[0] or 0.1 * abs(top) or 1.0
    low, high = sorted((sign * (top - 1.06 * span), sign * (top + 0.08 * span)))
    return low, high


def label_width(names: Sequence[str]) -> float:
    """Return the width of the longest of these labels in inches."""
    return _LETTER_INCHES * max(map(len, names), default=0)


def integer_ticks(axis: Axis) -> None:
    """Put ticks at whole numbers only: epochs, steps, trials."""
    axis.set_major_locator(MaxNLocator("auto", integer=True))


def scale_to_numbers(axes: Axes, numbers: Sequence[float]) -> None:
    """Make the x axis logarithmic if these ascending numbers span two decades, with ticks at each if there is room."""
    least = next((number for number in numbers if number > 0), math.inf)
    places = list(numbers)
    if numbers[0] >= 0 and numbers[-1] >= _LOG_FROM * least * (1 - 1e-9):
        places = [math.log10(number / least) + 1 if number else 0.0 for number in numbers]
        if numbers[0] > 0:
            axes.set_xscale("log")
        else:  # with a place for 0
            axes.set_xscale("symlog", linthresh=least)
    axes.margins(x=0.05)
    axes.autoscale_view(scaley=False)
    near = min(b - a for a, b in pairwise(places)) < 0.045 * (places[-1] - places[0])
    if len(numbers) <= 16 and not near:
        many = len(numbers) > 7
        axes.set_xticks(numbers, [format(number, ".4g") for number in numbers], rotation=35 if many else 0)
        axes.xaxis.set_minor_locator(NullLocator())


def labelled(figure: Figure) -> dict[str, Any]:
    """Return the labelled artists of all axes by their label, the first of each."""
    found: dict[str, Any] = {}
    for axes in figure.axes:
        for handle, name in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(name, handle)
    return found


def legend_right(figure: Figure, entries: Mapping[str, Any], title: str) -> None:
    """Add a legend to the right of all axes; ``entries`` are artists by label."""
    style: Any = {"title": title, "alignment": "left", "frameon": False}
    figure.legend(list(entries.values()), list(entries), loc="outside right upper", **style)


def legend_below(figure: Figure, entries: Mapping[str, Any], columns: int, ink: Collection[str] = ()) -> None:
    """Add a legend below all axes; ``ink``: labels of markers that occur in several colours, shown in none of them."""
    style: Any = {"frameon": False, "ncols": columns, "columnspacing": 1.4}
    legend = figure.legend(list(entries.values()), list(entries), loc="outside lower left", **style)
    for handle, name in zip(legend.legend_handles, entries, strict=True):
        if name in ink:
            handle.set_color(INK)  # type: ignore[union-attr]
