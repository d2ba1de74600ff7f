"""The picture of a confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lossbook.plots.style import INK, picture

_NUMBERED = 30  # classes beyond which numbers in the cells would be too small
_LABELLED = 60  # and names at the axes


def draw_confusion(path: Path, confusion: np.ndarray, names: Sequence[str]) -> None:
    """Draw a matrix whose rows are the true classes: colours are shares of a row, numbers are counts.

    Args:
        path: of a PNG file.
        confusion: (C, C), how often samples of class i are told to be of class j.
        names: of the classes.
    """
    classes = len(names)
    side = min(14.0, 2.6 + 0.42 * classes)
    room = 0.085 * max(map(len, names)) if classes <= _LABELLED else 0
    shares = confusion / np.maximum(confusion.sum(1, keepdims=True), 1)
    with picture(path, side + room + 1.2, side + room) as figure:
        axes = figure.add_subplot()
        image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        axes.grid(visible=False)
        axes.set(xlabel="predicted", ylabel="true")
        if classes <= _LABELLED:
            long = max(map(len, names)) > 3
            axes.set_xticks(range(classes), names, rotation=90 if long else 0)
            axes.set_yticks(range(classes), names)
        if classes <= _NUMBERED:
            for row, column in np.argwhere(confusion > 0):
                colour = "white" if shares[row, column] > 0.5 else INK
                text = _short(int(confusion[row, column]))
                axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
        figure.colorbar(image, ax=axes, label="share of the true class", shrink=0.8)


def _short(count: int) -> str:
    """Counts as they are, or in thousands and millions: a cell holds four letters."""
    if count < 10_000:
        return str(count)
    return f"{count / 1e3:.0f}k" if count < 1e6 else f"{count / 1e6:.3g}M"
