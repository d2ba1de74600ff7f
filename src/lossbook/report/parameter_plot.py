"""The picture of a numeric setting: the metric against it, a dot per seed or fold, a line through the means.

If the runs also differ in other settings, so that no three make a line, only the dots are drawn.
"""

from __future__ import annotations

import math
import textwrap
from collections import defaultdict
from collections.abc import Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lossbook.plots.axes import (
    DISTINCT,
    label_width,
    labelled,
    legend_below,
    legend_right,
    limits,
    scale_to_numbers,
    visible_count,
)
from lossbook.plots.style import FAINT, INK, REST, WINNER, LineStyle, line_styles, picture
from lossbook.report.leaderboard import Board, Row
from lossbook.report.names import labels, short
from lossbook.report.titles import metric_label, picture_title

_COLORED = 6  # lines
_FEWEST = 3  # values for a line
_SCATTERED = 6  # values for a picture without a line
# markers in the order of the legend
_BEYOND = "mean off the axis"
_BROKEN = "cut short, at its last value"
_BROKEN_BEYOND = "cut short, last value off the axis"
_BROKEN_WITHOUT = "cut short, without a value"
_MARKS = (_BEYOND, _BROKEN, _BROKEN_BEYOND, _BROKEN_WITHOUT)
Point = tuple[float, Row]


def numeric_settings(board: Board) -> list[str]:
    """Return the keys worth a picture: with three numbers if nothing else differs, or with many in any case."""
    return [key for key in board.keys if _lines(board, key) or _scattered(board, key)]


def _lines(board: Board, key: str) -> dict[tuple[str, ...], list[Point]]:
    """Return the lines by all other settings, the line of the best row first; empty if none is long enough."""
    place = board.keys.index(key)
    found: dict[tuple[str, ...], list[Point]] = defaultdict(list)
    for number, row in _points(board, key):
        found[(*row.values[:place], *row.values[place + 1 :])].append((number, row))
    long = any(len(line) >= _FEWEST and any(row.rank for _, row in line) for line in found.values())
    return {rest: line for rest, line in found.items() if len(line) > 1} if long else {}


def _scattered(board: Board, key: str) -> list[Point]:
    points = _points(board, key)
    return points if len({number for number, row in points if row.rank}) >= _SCATTERED else []


def _points(board: Board, key: str) -> list[Point]:
    place = board.keys.index(key)
    return [(number, row) for row in board.rows if (number := _number(row.values[place])) is not None]


def draw_parameter(board: Board, key: str, path: Path) -> str:
    """Write the picture of this key as PNG and return its caption."""
    by_rest = _lines(board, key) or {(): _scattered(board, key)}
    scattered = () in by_rest and len(board.keys) > 1
    differ = [place for place, values in enumerate(zip(*by_rest, strict=True)) if len(set(values)) > 1]
    every = [one for one in board.keys if one != key]
    others = [every[place] for place in differ]
    names = labels(others, [[rest[place] for place in differ] for rest in by_rest])
    lines = dict(zip(names, by_rest.values(), strict=True))
    shown = [row for points in lines.values() for _, row in points]
    ranked = [row for row in board.ranked if any(row is one for one in shown)]
    numbers = sorted({number for points in lines.values() for number, _ in points})
    means = [row.result.mean or 0.0 for row in ranked]
    kept = visible_count(means, board.contest.mode, DISTINCT)
    side = label_width(list(lines)) + 0.7 if others else 0.0
    with picture(path, 8.2 + side, 5.2) as figure:
        axes = figure.add_subplot()
        _limit_metric_axis(axes, [value for row in ranked[:kept] for value in row.result.values], board.contest.mode)
        styles = line_styles([any(row.rank == 1 for _, row in points) for points in lines.values()])
        for at, (name, points) in reversed(list(enumerate(lines.items()))):
            known = at < _COLORED
            look = (REST, "") if scattered else styles[at] if known else (FAINT, "-")
            _line(axes, sorted(points, key=itemgetter(0)), look, name if known else "", board.contest.mode)
        best = [row for row in ranked if row.rank == ranked[0].rank]
        where = [number for row in best for points in lines.values() for number, one in points if one is row]
        low, high = axes.get_ylim()
        scale_to_numbers(axes, numbers)
        _mark(axes, where, best, board.contest.mode)
        axes.set_xlabel(key)
        axes.set_ylabel(metric_label(board.contest))
        axes.set_title(picture_title(board, 7), loc="left", pad=12)
        _legends(figure, ", ".join(short(one, others) for one in others))
    line = "other settings differ as well" if scattered else "the line goes through their means"
    found = [f"Each dot is a {board.unit}, {line}; the best mean is marked."]
    if kept < len(means):
        found.append(f"The axis ends before the {len(means) - kept} furthest behind (arrows at the edge).")
    if any(row.lost for row in shown):
        found.append("A cross is a run that was cut short, at its last value.")
    if any(run.result is None or not low <= run.result <= high for row in shown for run in row.lost):
        found.append(
            "At the edge are those whose last value is off the axis (hollow triangles) or that have none (squares)."
        )
    if len(lines) > _COLORED:
        found.append(f"The best {_COLORED} of {len(lines)} lines are coloured, the others grey.")
    if len(shown) < len(board.rows):
        rest = "have no number for it" if scattered else "have no number for it or are alone on their line"
        found.append(f"{len(board.rows) - len(shown)} that {rest} are left out.")
    return " ".join(found)


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _limit_metric_axis(axes: Axes, values: Sequence[float], mode: str) -> None:
    """Limit the axis of the metric, with room for the name of the best beyond it; no ticks below 0 for positives."""
    low, high = limits(values, 0.15)
    room = 0.2 * (high - low)
    axes.set_ylim(*((low, high + room) if mode == "max" else (low - room, high)))
    least = max(low, 0.0) if min(values) >= 0 else low
    axes.set_yticks([tick for tick in axes.get_yticks() if least <= tick <= high])
    axes.spines["left"].set_bounds(least, high)


def _line(axes: Axes, points: Sequence[Point], look: LineStyle, name: str, mode: str) -> None:
    color, style = look
    low, high = axes.get_ylim()
    ended = [(number, row, row.result.mean) for number, row in points if row.result.mean is not None]
    ends: Any = {"linestyle": style, "color": color, "linewidth": 2.2, "label": name or "_"}
    axes.plot([number for number, _, _ in ended], [mean for _, _, mean in ended], **ends)
    edge: Any = {"transform": axes.get_xaxis_transform(), "color": color, "zorder": 5, "linestyle": ""}
    down = mode == "max"
    for number, row, mean in ended:
        axes.plot([number] * len(row.runs), row.result.values, "o", color=color, markersize=5, alpha=0.55)
        if not low <= mean <= high:
            axes.plot(number, 0.03 if down else 0.97, "v" if down else "^", markersize=10, label=_BEYOND, **edge)
    for number, row in points:
        thick: Any = {"markersize": 9, "markeredgewidth": 2.4}
        last = [run.result for run in row.lost if run.result is not None]
        if seen := [value for value in last if low <= value <= high]:
            axes.plot([number] * len(seen), seen, "x", color=color, zorder=5, linestyle="", label=_BROKEN, **thick)
        hollow: Any = {**edge, "markersize": 9, "markeredgewidth": 1.6, "fillstyle": "none"}
        if any(value < low for value in last):
            axes.plot(number, 0.09, "v", label=_BROKEN_BEYOND, **hollow)
        if any(value > high for value in last):
            axes.plot(number, 0.91, "^", label=_BROKEN_BEYOND, **hollow)
        if len(last) < len(row.lost):
            axes.plot(number, 0.0 if down else 1.0, "s", label=_BROKEN_WITHOUT, clip_on=False, **hollow)


def _legends(figure: Figure, title: str) -> None:
    """Add a legend of the lines, the best first, if there are several, and one of the markers, if there are any."""
    entries = labelled(figure)
    if title:
        legend_right(figure, {name: entries[name] for name in reversed(entries) if name not in _MARKS}, title)
    if marks := {name: entries[name] for name in _MARKS if name in entries}:
        legend_below(figure, marks, 2, ink=_MARKS)


def _mark(axes: Axes, numbers: Sequence[float], rows: Sequence[Row], mode: str) -> None:
    """Mark the best with a star, and its name in the room beyond it."""
    number, row = numbers[0], rows[0]
    mean, won = row.result.mean, row.rank == 1
    assert mean is not None, "it is the best"
    star: Any = {"markersize": 17, "markeredgecolor": INK, "markeredgewidth": 0.6, "zorder": 7}
    axes.plot(numbers, [mean] * len(numbers), "*", color=WINNER if won else FAINT, **star)
    across = axes.transAxes.inverted().transform(axes.transData.transform((number, mean)))[0]
    side = "left" if across < 0.25 else "right" if across > 0.75 else "center"
    up = mode == "max"
    place: Any = {"xytext": (0, 14 if up else -14), "ha": side, "va": "bottom" if up else "top", "zorder": 8}
    name = textwrap.fill(row.label if len(rows) == 1 else f"{row.label} and {len(rows) - 1} level with it", 40)
    words = f"{'best' if won else f'rank {row.rank}'}: {name}\n{row.result}"
    reach = max(row.result.values) if up else min(row.result.values)  # the text must not cover the dots
    axes.annotate(words, (number, reach), textcoords="offset points", color=INK, annotation_clip=False, **place)
