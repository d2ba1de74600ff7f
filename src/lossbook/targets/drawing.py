"""Pictures of predictions beside targets, which target kinds put together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL.Image import Image as PilImage
    from torch import Tensor

_SIDE = 1.3  # inches of an image


def captioned_images(images: Tensor, captions: Sequence[str], wrong: Sequence[bool]) -> Figure:
    """Draw images in a grid, each with its caption; captions of wrong predictions are red.

    Args:
        images: (N, C, H, W) of one or three channels, of any range.
        captions: N of them.
        wrong: for each image whether its prediction is wrong.
    """
    columns = math.ceil(math.sqrt(len(captions)))
    figure = _figure(columns, math.ceil(len(captions) / columns))
    for place, (image, caption, mistake) in enumerate(zip(_shown(images), captions, wrong, strict=True)):
        axes = figure.add_subplot(math.ceil(len(captions) / columns), columns, place + 1)
        axes.imshow(image, cmap="gray")
        axes.set_title(caption, fontsize=8, color="#D55E00" if mistake else "#222222", parse_math=False)
        axes.set_axis_off()
    return figure


def masks_beside_images(images: Tensor, targets: Tensor, decisions: Tensor, classes: int) -> Figure:
    """Draw a row for each image: the image, its mask, and the predicted mask.

    Args:
        images: (N, C, H, W).
        targets, decisions: (N, H, W) class indices.
        classes: their number.
    """
    figure = _figure(3, len(images))
    rows = zip(_shown(images), targets.cpu().numpy(), decisions.cpu().numpy(), strict=True)
    for number, row in enumerate(rows):
        for column, (title, picture) in enumerate(zip(("input", "target", "prediction"), row, strict=True)):
            axes = figure.add_subplot(len(images), 3, 3 * number + column + 1)
            if column:
                axes.imshow(picture, cmap="tab20", vmin=0, vmax=max(1, classes - 1), interpolation="nearest")
            else:
                axes.imshow(picture, cmap="gray")
            if number == 0:
                axes.set_title(title, fontsize=9)
            axes.set_axis_off()
    return figure


def palette_image(mask: np.ndarray) -> PilImage:
    """Return a mask (H, W) of class indices as an image: with a colour each up to 256 classes, of 16 bits beyond."""
    from PIL import Image

    if mask.size and mask.max() > 255:
        return Image.fromarray(mask.astype(np.uint16))
    image = Image.fromarray(mask.astype(np.uint8))
    image.putpalette([level for index in range(256) for level in _colour(index)])
    return image


def _colour(index: int) -> tuple[int, int, int]:
    """Return the colour of a class as Pascal VOC gives it: the bits of the index spread over the three channels."""
    bits = [(index >> bit) & 1 for bit in range(8)]
    red, green, blue = (sum(bits[bit] << (7 - bit // 3) for bit in range(channel, 8, 3)) for channel in range(3))
    return red, green, blue


def predicted_over_true(targets: Tensor, decisions: Tensor, names: Sequence[str] = ()) -> Figure:
    """Draw predicted values over true ones, a panel a column; a perfect prediction lies on the diagonal.

    Args:
        targets, decisions: (N, W).
        names: of the columns.
    """
    columns = min(4, targets.shape[1])
    figure = _figure(2.4 * columns, 2.4)
    for column in range(columns):
        axes = figure.add_subplot(1, columns, column + 1)
        true, predicted = (values[:, column].float().cpu().numpy() for values in (targets, decisions))
        axes.scatter(true, predicted, s=12, color="#0072B2", alpha=0.7)
        axes.axline((float(true.mean()),) * 2, slope=1, color="#9A9A9A", linewidth=1)
        axes.set_xlabel(f"true {names[column]}" if names else "true", parse_math=False)
        axes.set_ylabel("predicted")
    return figure


def _figure(columns: float, rows: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(_SIDE * columns, _SIDE * rows), layout="constrained")


def _shown(images: Tensor) -> Sequence[Any]:
    """Images as arrays, (H, W) or (H, W, 3), each over its whole range of brightness."""
    low, high = images.amin((1, 2, 3), keepdim=True), images.amax((1, 2, 3), keepdim=True)
    scaled = ((images - low) / (high - low).clamp_min(1e-12)).float().cpu().numpy()
    return [image[0] if image.shape[0] != 3 else image.transpose(1, 2, 0) for image in scaled]
