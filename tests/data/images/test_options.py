from __future__ import annotations

from typing import Any

import pytest

from lossbook.data.images.format import ImageFormat
from lossbook.data.images.options import IMAGENET, ImageOptions
from lossbook.errors import UserError


def test_the_format() -> None:
    assert ImageOptions().checked() == ImageFormat(3, (64, 64), "crop", 16)
    assert ImageOptions([8, 9], 1, "pad").checked() == ImageFormat(1, (8, 9), "pad", 16)


def test_normalisation() -> None:
    assert ImageOptions().normalisation() == IMAGENET
    (mean,), (scale,) = ImageOptions(channels=1).normalisation()  # type: ignore[misc]
    assert mean == pytest.approx(0.299 * 0.485 + 0.587 * 0.456 + 0.114 * 0.406)
    assert scale == pytest.approx(0.226, abs=0.001)
    assert ImageOptions(normalise="none").normalisation() is None
    assert ImageOptions(normalise=[[0.5], [2]], channels=1).normalisation() == ((0.5,), (2.0,))
    assert ImageOptions(normalise="measured").measured


@pytest.mark.parametrize(
    "given",
    [
        {"image_size": 0},
        {"channels": 2},
        {"channels": True},
        {"resize": "stretch"},
        {"resize": None},
        {"grey_bits": 7},
        {"on_bad": "ignore"},
        {"normalise": "mine"},
        {"normalise": [[0.5], [0.5]]},
        {"normalise": [[0, 0, 0], [1, 1, 0]]},
        {"normalise": 1},
        {"normalise": [[0.5] * 3, [0.5] * 3], "channels": 1},
    ],
)
def test_what_is_out_of_range_is_refused(given: dict[str, Any]) -> None:
    key = next(iter(given))
    with pytest.raises(UserError, match=rf"data.{key}=") as refusal:
        ImageOptions(**given).checked()
    assert "Fix: data." in str(refusal.value)


def test_all_mistakes_are_told_together() -> None:
    with pytest.raises(UserError) as refusal:
        ImageOptions(image_size=0, channels=2, resize="x", on_bad="x").checked()
    assert len(refusal.value.problems) == 4
