"""The picture of learning curves: a line per configuration, with a band over its seeds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from lossbook.plots.axes import DISTINCT, integer_ticks, label_width, legend_right, limits, visible_count
from lossbook.plots.style import FAINT, INK, LineStyle, line_styles, picture
from lossbook.report.curves import BoardCurves, MeanCurve
from lossbook.report.leaderboard import Board, Row
from lossbook.report.titles import metric_label, picture_title

COLORED = 12  # configurations whose lines can be distinguished
_BEST = 8  # of more configurations
_BANDS = 6  # more would hide the lines
_ENLARGED = 0.25  # the second half is also drawn enlarged if it takes up less than this part of the axis
_POINTS = 5  # and if both halves together have so many points


def draw_learning_curves(board: Board, curves: BoardCurves, path: Path) -> str:
    """Write the picture as PNG and return its caption.

    Args:
        board: whose curves these are.
        curves: at least one.
        path: of the file.
    """
    drawn = curves.drawn
    colored = len(drawn) if len(drawn) <= COLORED else _BEST
    each = line_styles([one.row.rank == 1 for one in drawn[:colored]])
    known = {
        id(one.row): (color, line if one.at else ":") for one, (color, line) in zip(drawn, each, strict=False)
    }  # fmt: skip
    near = _near(drawn, board.contest.mode)
    banded = drawn[:_BANDS]
    edges = {id(curve): (*curve.low, *curve.high) for curve in near if curve in banded}
    whole = _limits([(*_values(curve), *edges.get(id(curve), ())) for curve in near], board.contest.mode)
    near = [curve for curve in drawn if any(whole[0] <= value <= whole[1] for value in _values(curve))]
    outside = [bool(one.at) and one not in near for one in drawn]
    closer = [curve for curve in near if id(curve.row) in known] or near
    late = _limits([_values(_second_half(curve)) for curve in closer], board.contest.mode)
    long = max(len(curve.at) for curve in drawn) >= _POINTS
    flat = len({value for curve in closer for value in _values(_second_half(curve))}) < 2
    enlarged = long and not flat and _size(late) < _ENLARGED * _size(whole)
    names = [_name(one.row, beyond) for one, beyond in zip(drawn, outside, strict=True)]
    side = label_width(names[:colored]) + 0.7
    panels = 2 if enlarged else 1
    with picture(path, (5.2 if enlarged else 6.6) * panels + side, max(4.8, 1.4 + 0.235 * (colored + 3))) as figure:
        every = [figure.add_subplot(1, panels, place + 1) for place in range(panels)]
        for axes, (low, high) in zip(every, (whole, late), strict=False):
            _lines(axes, [None if beyond else one for one, beyond in zip(drawn, outside, strict=True)], known)
            axes.set_ylim(low, high)
            axes.set_xlabel(curves.axis)
            integer_ticks(axes.xaxis)
        every[0].set_ylabel(metric_label(board.contest))
        if enlarged:
            ends = [place for curve in closer for place in _second_half(curve).at]
            every[1].set_xlim(*limits(ends, 0.03))
            every[1].set_title("second half, enlarged", fontsize=11, color=FAINT)
        figure.suptitle(picture_title(board, figure.get_figwidth() - side), x=0.01, ha="left", fontsize=12)
        handles = [
            every[0].plot([], [], color=color, linewidth=2.4, label=name, **_handle(curve, "" if beyond else line))[0]
            for (color, line), name, curve, beyond in zip(known.values(), names, drawn, outside, strict=False)
        ]
        if others := outside[colored:].count(False):
            handles += every[0].plot([], [], color=FAINT, linewidth=1, label=f"the other {others}")
        if any(curve.broken and not beyond for curve, beyond in zip(drawn, outside, strict=True)):
            handles += every[0].plot([], [], ":x", color=INK, linewidth=1.2, label="cut short")
        entries = {str(handle.get_label()): handle for handle in handles}
        legend_right(figure, entries, f"{board.contest.primary} at the best epoch")
    return _caption(curves, colored, sum(outside))


def _handle(curve: MeanCurve, line: Any) -> dict[str, Any]:
    """Return the line style of a legend entry: a dot for a single point, nothing without a line."""
    return {"linestyle": "", "marker": "o"} if len(curve.at) == 1 and line else {"linestyle": line}


def _name(row: Row, outside: bool) -> str:
    if not row.rank:
        return f"{row.label}  {row.ending}"
    return f"{row.rank}  {row.label}  {row.result}{' (outside)' if outside else ''}"


def _near(curves: Sequence[MeanCurve], mode: str) -> list[MeanCurve]:
    """Return the curves that an axis is made for, without those that are far behind even at their best."""
    best = max if mode == "max" else min
    ended = sorted((curve for curve in curves if curve.at), key=lambda one: best(one.mean), reverse=mode == "max")
    if not ended:
        return list(curves)
    return ended[: visible_count([best(curve.mean) for curve in ended], mode, DISTINCT)]


def _limits(lines: Sequence[Sequence[float]], mode: str) -> tuple[float, float]:
    """Return the ends of an axis that shows these lines, apart from where they start far behind."""
    lines = [line for line in lines if line] or [[0.0]]
    best, worst = (max, min) if mode == "max" else (min, max)
    reach = sorted([best(map(best, lines)), *map(worst, lines)], reverse=mode == "max")
    last = reach[visible_count(reach, mode, DISTINCT) - 1]
    return limits([value for line in lines for value in line if worst(value, last) == last])


def _values(curve: MeanCurve) -> tuple[float, ...]:
    return curve.mean or tuple(value for _, values in curve.broken for value in values)


def _second_half(curve: MeanCurve) -> MeanCurve:
    from_here = sum(place < (curve.at[0] + curve.at[-1]) / 2 for place in curve.at) if curve.at else 0
    return MeanCurve(
        curve.row, curve.at[from_here:], curve.mean[from_here:], curve.low[from_here:], curve.high[from_here:]
    )


def _size(ends: tuple[float, float]) -> float:
    return ends[1] - ends[0]


def _lines(axes: Axes, curves: Sequence[MeanCurve | None], known: dict[int, LineStyle]) -> None:
    for place, curve in enumerate(curves):
        if curve is None:  # outside
            continue
        colored = id(curve.row) in known
        color, line = known.get(id(curve.row), (FAINT, "-"))
        over = 3 - place / 1000  # the best on top
        if len(curve.at) == 1:
            axes.plot(curve.at, curve.mean, "o", color=color, zorder=over)
        elif curve.at:
            width, opaque = (2.2, 1.0) if colored else (0.9, 0.6)
            axes.plot(curve.at, curve.mean, linestyle=line, color=color, linewidth=width, alpha=opaque, zorder=over)
        if colored and place < _BANDS and len(curve.row.runs) > 1:
            axes.fill_between(curve.at, curve.low, curve.high, color=color, alpha=0.12, linewidth=0)
        for at, values in curve.broken:
            axes.plot(at, values, ":", color=color, linewidth=1.2)
            axes.plot(at[-1], values[-1], "x", color=color, markersize=7, markeredgewidth=2, zorder=4)


def _shorter(curve: MeanCurve) -> bool:
    """Return whether its runs differ in length, as after early stopping."""
    return len({run.steps for run in curve.row.runs}) > 1


def _caption(curves: BoardCurves, colored: int, outside: int) -> str:
    seeds = {len(curve.row.runs) for curve in curves.drawn}
    unit = curves.drawn[0].row.unit if curves.drawn else "seed"
    found = ["On validation; the legend gives the values at the best epoch, by which configurations are ranked."]
    bands = "" if len(curves.drawn) <= _BANDS else f", of the best {_BANDS}"
    if max(seeds, default=0) > 2:
        found.append(f"Bands are the deviation over {unit}s{bands}.")
    elif 2 in seeds:
        found.append(f"Bands lie between the two {unit}s{bands}.")
    if len(curves.drawn) > colored:
        found.append(f"The best {colored} of {len(curves.drawn)} are coloured, the others grey.")
    if outside:
        found.append(f"The {outside} furthest behind are left out.")
    if any(_shorter(curve) for curve in curves.drawn):
        found.append("A line ends with its shortest run.")
    if curves.without:
        found.append(f"{curves.without} of the runs have no curve.")
    return " ".join(found)
