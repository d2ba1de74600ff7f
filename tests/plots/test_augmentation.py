from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lossbook.plots.augmentation import draw


@pytest.mark.parametrize("channels", [1, 3])
def test_a_row_for_each_sample_and_a_column_for_each_draw(tmp_path: Path, channels: int) -> None:
    white, black = torch.ones(2, channels, 6, 8), torch.zeros(2, channels, 6, 8)
    mask = torch.full((2, 6, 8), -100)
    mask[0] = 1
    columns = {"original": (white, None), "draw 1": (black, None), "draw 2": (black, mask)}
    path = tmp_path / "a.png"
    draw("augment=$x_1$", ["Affine()"], columns, path)
    pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
    dark = (pixels.sum(2) < 30).mean()
    assert 0.2 < dark < 0.4  # three of six panels are black, one is coloured, and there are margins
    blue = (pixels[..., 2] - pixels[..., 0] > 60).mean()
    assert 0.05 < blue < 0.2
