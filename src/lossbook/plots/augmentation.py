"""The picture of an augmentation: a few samples as they are, and several draws of each."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from torch import Tensor

from lossbook.plots.style import picture

_SIDE = 1.45  # inches of an image
_WIDTH = 13  # characters of the subtitle, for each column
_OPACITY = 0.55  # of masks


def draw(name: str, modules: Sequence[str], columns: Mapping[str, tuple[Tensor, Tensor | None]], path: Path) -> None:
    """Write the picture of an augmentation as PNG.

    Args:
        name: of the augmentation, the title.
        modules: what it consists of, in order.
        columns: by their titles, images (N, C, H, W) of one or three channels in [0, 1], with their masks (N, H, W),
            which are laid over them, or None.
        path: of the file.
    """
    rows = len(next(iter(columns.values()))[0])
    lines = textwrap.wrap(" + ".join(modules), _WIDTH * len(columns))
    with picture(path, _SIDE * len(columns), _SIDE * rows + 0.55 + 0.2 * len(lines)) as figure:
        figure.suptitle("\n".join([name, *lines]), fontsize=10, x=0.01, ha="left")
        panels = figure.subplots(rows, len(columns), squeeze=False)
        for place, (title, (images, masks)) in enumerate(columns.items()):
            shown = images.detach().float().clamp(0, 1).cpu().numpy()
            for row in range(rows):
                axes = panels[row, place]
                image = shown[row].transpose(1, 2, 0)
                axes.imshow(image[..., 0] if image.shape[2] == 1 else image, cmap="gray", vmin=0, vmax=1)
                if masks is not None:
                    axes.imshow(_coloured(masks[row].cpu().numpy()), interpolation="nearest")
                axes.set_axis_off()
            panels[0, place].set_title(title, fontsize=10, fontweight="bold" if place == 0 else "normal")


def _coloured(mask: Any) -> Any:
    """A mask as colours (H, W, 4): class 0 is clear, and so is what is ignored."""
    colours = colormaps["tab10"](np.where(mask > 0, mask - 1, 0) % 10)
    colours[..., 3] = np.where(mask > 0, _OPACITY, 0.0)
    return colours
