"""The style of all pictures: colours that colour-blind readers can distinguish, plain axes, readable text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import LogFormatter, ScalarFormatter

from lossbook.files import write_whole

# Okabe and Ito 2008, Color Universal Design
BLUE, ORANGE, GREEN, RED, SKY, PURPLE = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7"
INK, FAINT = "#222222", "#9A9A9A"

WINNER = ORANGE  # and nothing else has this colour
REST = BLUE  # if all others look the same
LOST = RED  # without a result, or far behind
_OTHERS = (BLUE, GREEN, PURPLE, SKY, INK)
_LINES: tuple[Any, ...] = ("-", "--", "-.", (0, (1, 1)), (0, (5, 1, 1, 1, 1, 1)))
LineStyle = tuple[str, Any]  # colour and dashes

_SETTINGS: Any = {
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.labelsize": 11,
    "axes.edgecolor": "#666666",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "legend.framealpha": 0.85,
    "legend.edgecolor": "none",
    "legend.fontsize": 10,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
}


@contextmanager
def picture(path: Path, width: float, height: float) -> Iterator[Figure]:
    """Yield a figure of this size in inches, and write it to ``path`` as PNG at the end; makes missing folders.

    The figure belongs to no window and no global state: pictures can be drawn in any thread, without a display.
    """
    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure
        _no_formulas(figure)
        write_whole(path, lambda file: figure.savefig(file, dpi=100, format="png"))


def line_styles(won: Sequence[bool]) -> list[LineStyle]:
    """Return a style for each line: winners share their colour, and up to 25 others each look different."""
    found: list[LineStyle] = []
    for place, one in enumerate(won):
        before = sum(other == one for other in won[:place])
        if one:
            found.append((WINNER, _LINES[before % len(_LINES)]))
        else:
            found.append((_OTHERS[before % len(_OTHERS)], _LINES[before // len(_OTHERS) % len(_LINES)]))
    return found


def _no_formulas(figure: Figure) -> None:
    """Show dollar signs in names as such; only matplotlib's own tick labels are formulas."""
    kept: set[int] = set()
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        kept.add(id(axis.get_offset_text()))
        if isinstance(axis.get_major_formatter(), (LogFormatter, ScalarFormatter)):
            kept.update(map(id, _ticks(axis)))
    for text in figure.findobj(Text):
        if id(text) not in kept:
            text.set_parse_math(False)


def _ticks(axis: Axis) -> list[Text]:
    ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
    return [label for tick in ticks for label in (tick.label1, tick.label2)]
