"""The picture of a confusion matrix: one of any number of classes, with names of any length."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lossbook.plots.confusion import draw_confusion


@pytest.mark.parametrize("classes", [1, 2, 31, 200])
def test_any_number_of_classes(tmp_path: Path, classes: int) -> None:
    names = [f"${number}$ {'long name ' * (number % 3)}" for number in range(classes)]
    draw_confusion(tmp_path / "a.png", np.eye(classes, dtype=int) * 123_456, names)
    with Image.open(tmp_path / "a.png") as picture:
        assert max(picture.size) < 2200
        dark = np.asarray(picture.convert("RGB"))[..., 0] < 60  # of the diagonal, where every row's share is 1
        assert dark.mean() > 0.2 / classes


def test_no_sample_at_all(tmp_path: Path) -> None:
    draw_confusion(tmp_path / "a.png", np.zeros((3, 3), int), list("abc"))
    assert (tmp_path / "a.png").stat().st_size > 1000
