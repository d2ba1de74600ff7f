"""The heights and widths that are tried."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lossbook.data.schema import Schema
from lossbook.export.sizes import STEP, ImageSizes, free_axes, is_image, probes


@pytest.mark.parametrize(
    ("data", "axes"),
    [
        (Schema("class", (3, 8, 8), 1, classes=2), (2, 3)),
        (Schema("text", (1, 8, 32), 1, classes=2), (3,)),  # a line's height is what its network was built for
        (Schema("value", (5,), 1, width=1), ()),
        (Schema("class", (1, 2, 3), 1, classes=2, vocabulary=9), ()),
    ],
)
def test_what_may_differ(data: Schema, axes: tuple[int, ...]) -> None:
    assert free_axes(data) == axes
    assert is_image(data) == bool(axes)


@pytest.mark.parametrize("axes", [(2, 3), (3,)])
@pytest.mark.parametrize("shape", [(3, 8, 8), (1, 12, 96), (3, 224, 224), (3, 1, 1)])
def test_sizes_are_larger_and_none_is_that_of_training(shape: tuple[int, ...], axes: tuple[int, ...]) -> None:
    height, width = shape[1:]
    for sizes in (ImageSizes.ANY, ImageSizes.STEPS):
        found = probes(sizes, shape, axes)
        assert len(set(found)) == len(found) >= 2
        assert (height, width) not in found
        assert all(h >= height and w >= width and (2 in axes or h == height) for h, w in found)
    assert all((h - height) % STEP == (w - width) % STEP == 0 for h, w in probes(ImageSizes.STEPS, shape, axes))
    assert probes(ImageSizes.FIXED, shape, axes) == []


def test_any_size_includes_odd_ones(schema: Callable) -> None:
    found = probes(ImageSizes.ANY, (3, 224, 224), (2, 3))
    assert any(h % 2 for h, _ in found)
    assert any(w % 2 for _, w in found)
