"""The picture of a leaderboard: a row per configuration with mean and deviation, a dot per seed or fold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from lossbook.plots.axes import label_width, limits, visible_count
from lossbook.plots.style import FAINT, INK, LOST, REST, WINNER, picture
from lossbook.report.leaderboard import Board, Row
from lossbook.report.titles import metric_label, picture_title

MOST = 60  # rows


def draw_ranking(board: Board, path: Path) -> str:
    """Write the picture as PNG and return its caption."""
    rows = [*board.ranked[:MOST]]
    lost = [row for row in board.rows if row.rank is None][: max(0, MOST - len(rows))]
    means = [row.result.mean or 0.0 for row in rows]
    kept = visible_count(means, board.contest.mode)
    side = label_width([f"{row.label}00  {row.result}" for row in (*rows, *lost)])
    with picture(path, 5.6 + side, 1.7 + 0.3 * len((*rows, *lost))) as figure:
        axes = figure.add_subplot()
        shared = [value for row in rows[:kept] for value in _shown_values(row)]
        low, high = limits(shared or [0.0, 1.0])
        axes.set_xlim(low, high)
        widest = max((row.result.deviation or 0.0 for row in board.winners), default=0.0)
        if widest:
            axes.axvspan(means[0] - widest, means[0] + widest, color=WINNER, alpha=0.13, linewidth=0)
        for place, row in enumerate(rows):
            _row(axes, place, row, winner=row.rank == 1, beyond=board.contest.mode if place >= kept else "")
        for place, row in enumerate(lost, len(rows)):
            _words(axes, place, f"{row.ending} ({row.told_count})", LOST)
        axes.set_ylim(len(rows) + len(lost) - 0.4, -0.6)
        names = [f"{row.rank}  {row.label}" for row in rows] + [row.label for row in lost]
        axes.set_yticks(range(len(names)), names)
        for tick, row in zip(axes.get_yticklabels(), (*rows, *lost), strict=True):
            tick.set_fontweight("bold" if row.rank == 1 else "normal")
            tick.set_color(INK if row.rank else FAINT)
        axes.xaxis.set_major_locator(MaxNLocator(6))
        axes.grid(axis="y", visible=False)
        axes.set_xlabel(metric_label(board.contest))
        axes.set_title(picture_title(board, 6.5), loc="left", pad=10)
    return _caption(board, len(rows), kept)


def _shown_values(row: Row) -> list[float]:
    mean, off = row.result.mean or 0.0, row.result.deviation or 0.0
    return [*row.result.values, mean - off, mean + off]


def _row(axes: Axes, place: int, row: Row, winner: bool, beyond: str) -> None:
    mean = row.result.mean
    assert mean is not None, "it is ranked"
    color = WINNER if winner else REST
    if beyond:  # an arrow at the edge
        edge = axes.get_xlim()[0 if beyond == "max" else 1]
        axes.plot(edge, place, "<" if beyond == "max" else ">", color=LOST, markersize=9, clip_on=False, zorder=4)
    else:
        axes.plot(row.result.values, [place] * len(row.result.values), "o", color=color, markersize=4, alpha=0.45)
        axes.errorbar(
            mean, place, xerr=row.result.deviation, fmt="o", color=color, markersize=9, capsize=4, elinewidth=2.2,
            markeredgecolor=INK, markeredgewidth=0.6, zorder=3,
        )  # fmt: skip
    few = f"  ({row.told_count} {row.unit}s)" if row.lost else ""
    _words(axes, place, f"{row.result}{few}", LOST if beyond else INK, bold=winner)


def _words(axes: Axes, place: int, text: str, color: str, bold: bool = False) -> None:
    weight: Any = "bold" if bold else "normal"
    axes.text(1.03, place, text, transform=axes.get_yaxis_transform(), va="center", color=color, fontweight=weight)


def _caption(board: Board, drawn: int, kept: int) -> str:
    found = [f"The {'highest' if board.contest.mode == 'max' else 'lowest'} {board.contest.primary} is on top."]
    if any(row.result.deviation is not None for row in board.ranked):
        band = "the winner's deviation" if len(board.winners) == 1 else "the widest deviation of the winners"
        shaded = f", the shaded band {band}" if any(row.result.deviation for row in board.winners) else ""
        found.append(f"Bars are the deviation over {board.unit}s, small dots the {board.unit}s{shaded}.")
    if kept < drawn:
        found.append(f"The axis ends before the {drawn - kept} furthest behind (red arrows).")
    if len(board.ranked) > drawn:
        found.append(f"The best {drawn} of {len(board.ranked)}; all are in leaderboard.csv.")
    return " ".join(found)
