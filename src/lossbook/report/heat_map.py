"""The heat map of two settings: a cell per pair, with its mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from lossbook.plots.axes import DISTINCT, label_width, visible_count
from lossbook.plots.style import FAINT, INK, LOST, WINNER, picture
from lossbook.report.leaderboard import Board, Row, shown
from lossbook.report.names import cuts
from lossbook.report.runs import Run
from lossbook.report.settings import value_of
from lossbook.report.titles import metric_label, picture_title

_FULL = 0.6  # the part of all pairs that must exist
_LONGEST = 24
_MOST = 60  # values of a setting


@dataclass(frozen=True)
class _Table:
    """The cells of a heat map.

    Args:
        keys: of the settings on the vertical and the horizontal axis.
        down, across: their values.
        rows: (down, across) -> the configuration.
        refused: pairs that were not run because they do not fit together.
    """

    keys: tuple[str, str]
    down: tuple[str, ...]
    across: tuple[str, ...]
    rows: dict[tuple[str, str], Row]
    refused: frozenset[tuple[str, str]]


def has_heat_map(board: Board, refused: Sequence[Run]) -> bool:
    """Return whether exactly two settings vary, and most of their pairs were tried or refused."""
    if len(board.keys) != 2 or not board.ranked:
        return False
    table = _table(board, refused)
    fewest, most = sorted((len(table.down), len(table.across)))
    return fewest > 1 and most <= _MOST and len(table.rows) + len(table.refused) >= _FULL * fewest * most


def draw_heat_map(board: Board, refused: Sequence[Run], path: Path) -> str:
    """Write the picture as PNG and return its caption."""
    table = _table(board, refused)
    means = [row.result.mean or 0.0 for row in board.ranked]
    kept = visible_count(means, board.contest.mode, DISTINCT)
    names = [list(cuts(values, _LONGEST).values()) for values in (table.down, table.across)]
    slanted = len(table.across) > 8 or label_width(names[1]) > 2
    cell = max(0.85, 0 if slanted else label_width(names[1]) + 0.15)
    width = max(6.6, 2.4 + label_width(names[0]) + cell * len(table.across))
    with picture(path, width, 1.8 + slanted * label_width(names[1]) * 0.7 + 0.62 * len(table.down)) as figure:
        axes = figure.add_subplot()
        last = means[kept - 1]
        if kept < len(means):  # those beyond share a colour that no other has
            last -= 0.15 * (means[0] - last)
        image = _colors(axes, table, sorted((means[0], last)), board.contest.mode)
        for y, down in enumerate(table.down):
            for x, across in enumerate(table.across):
                if row := table.rows.get((down, across)):
                    _cell(axes, y, x, row, image)
                elif (down, across) in table.refused:
                    _empty(axes, y, x, "refused", FAINT, "")
        turned: Any = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if slanted else {}
        axes.set_xticks(range(len(table.across)), names[1], **turned)
        axes.set_yticks(range(len(table.down)), names[0])
        axes.set_ylabel(table.keys[0])
        axes.set_xlabel(table.keys[1])
        axes.grid(False)
        axes.set_title(picture_title(board, width - label_width(names[0]) - 1), loc="left", pad=10)
        if means[0] != means[kept - 1]:  # else there is only one colour
            beyond: Any = "neither" if kept == len(means) else "min" if board.contest.mode == "max" else "max"
            bar = figure.colorbar(image, ax=axes, fraction=0.05, pad=0.02, aspect=30, extend=beyond)
            bar.set_label(metric_label(board.contest))
    empty = len(table.down) * len(table.across) - len(table.rows) - len(table.refused)
    return _caption(board, len(means) - kept, bool(table.refused), bool(empty))


def _table(board: Board, refused: Sequence[Run]) -> _Table:
    """Arrange the cells, the longer axis vertical; numbers are sorted, names are ordered by their best result."""
    first, second = board.keys
    rows = {(row.values[0], row.values[1]): row for row in board.rows}
    pairs = [(value_of(job, first), value_of(job, second)) for job in refused]
    values = [_ordered([pair[place] for pair in (*rows, *pairs)]) for place in (0, 1)]
    left = frozenset(pair for pair in pairs if pair not in rows)
    if len(values[0]) >= len(values[1]):
        return _Table((first, second), values[0], values[1], rows, left)
    turned = frozenset((b, a) for a, b in left)
    return _Table((second, first), values[1], values[0], {(b, a): row for (a, b), row in rows.items()}, turned)


def _ordered(values: Sequence[str]) -> tuple[str, ...]:
    distinct = list(dict.fromkeys(values))
    try:
        return tuple(sorted(distinct, key=_numbers))
    except ValueError:
        return tuple(distinct)


def _numbers(value: str) -> list[float]:
    """Parse ``[16,32]`` or ``16``.

    Raises:
        ValueError: it holds anything else.
    """
    return [float(part) for part in value.translate(str.maketrans("", "", "[]")).split(",")]


def _colors(axes: Axes, table: _Table, ends: Sequence[float], mode: str) -> AxesImage:
    means = [
        [row.result.mean if (row := table.rows.get((down, across))) else None for across in table.across]
        for down in table.down
    ]
    grid = np.array(means, dtype=float)  # None becomes nan, which stays white
    low, high = ends if ends[0] < ends[1] else (ends[0] - 1e-9, ends[0] + 1e-9)
    colors = "viridis" if mode == "max" else "viridis_r"
    return axes.imshow(np.clip(grid, low, high), aspect="auto", cmap=colors, vmin=low, vmax=high)


def _cell(axes: Axes, y: int, x: int, row: Row, image: AxesImage) -> None:
    mean, off = row.result.mean, row.result.deviation
    if mean is None:
        _empty(axes, y, x, row.ending, LOST, "////")
        return
    red, green, blue, _ = image.to_rgba(np.array([mean]))[0]
    bright = 0.3 * red + 0.59 * green + 0.11 * blue > 0.5
    style: Any = {"ha": "center", "va": "center", "color": INK if bright else "white"}
    won = row.rank == 1
    axes.text(x, y - (0 if off is None else 0.13), shown(mean), fontweight="bold" if won else "normal", **style)
    below = [] if off is None else [f"± {shown(off, mean)}"]
    below += [f"{row.told_count} {row.unit}s"] if row.lost else []
    axes.text(x, y + 0.26, ", ".join(below), fontsize=8 if len(below) < 2 else 6, **style)
    if won:
        for color, line in (
            (INK, 5.4),
            (WINNER, 3.4),
        ):  # with a dark outline, since the best cell may be bright as well
            axes.add_patch(Rectangle((x - 0.46, y - 0.46), 0.92, 0.92, fill=False, edgecolor=color, linewidth=line))


def _empty(axes: Axes, y: int, x: int, word: str, color: str, hatch: str) -> None:
    look: Any = {"facecolor": "#EFEFEF", "edgecolor": "#D0D0D0", "hatch": hatch, "linewidth": 0.5}
    axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, **look))
    box = {"facecolor": "#EFEFEF", "edgecolor": "none", "pad": 1.0}
    axes.text(x, y, word, ha="center", va="center", color=color, fontsize=9, bbox=box)


def _caption(board: Board, beyond: int, refused: bool, empty: bool) -> str:
    deviations = any(row.result.deviation is not None for row in board.ranked)
    are = "are" if len(board.winners) > 1 else "is"
    over = f" and deviation over {board.unit}s" if deviations else ""
    found = [f"The mean{over} of each pair; the best {are} framed."]
    if beyond:
        found.append(f"The colour scale ends before the {beyond} furthest behind.")
    if any(row.rank is None for row in board.rows):
        found.append("Hatched: no run gave a result.")
    if refused:
        found.append("Refused: the two do not fit together; the reasons are below.")
    if empty:
        found.append("White: on other data, or not run.")
    return " ".join(found)
