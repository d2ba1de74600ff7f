from __future__ import annotations

import pytest
import torch

from lossbook.data.augment import Erasing, GaussianNoise


def test_noise_has_its_deviation() -> None:
    noise = GaussianNoise(0.2)(torch.zeros(200, 100))
    assert noise.std() == pytest.approx(0.2, rel=0.02)
    assert noise.mean() == pytest.approx(0, abs=0.01)


def test_erasing_makes_a_box_the_mean_of_its_channels() -> None:
    images = torch.rand(400, 3, 20, 30)
    erased = Erasing(0.25, (0.1, 0.2), (0.5, 2))(images)
    changed = (erased != images).any(1)
    touched = changed.flatten(1).any(1)
    assert 0.18 < touched.float().mean() < 0.32
    for image, was, there in zip(erased[touched], images[touched], changed[touched], strict=True):
        rows, columns = there.any(1).nonzero().flatten(), there.any(0).nonzero().flatten()
        height, width = len(rows), len(columns)
        assert bool(there[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all())  # one box
        assert 0.07 < height * width / 600 < 0.24
        torch.testing.assert_close(image[:, there], was.mean((1, 2))[:, None].expand(-1, height * width))
