from __future__ import annotations

import torch
from torch import nn

from lossbook.data.augment import EachSample


def test_a_transform_for_images_is_called_once_a_sample() -> None:
    class Count(nn.Module):
        calls = 0

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            assert image.shape == (1, 4, 4)
            self.calls += 1
            return image + self.calls

    changed = EachSample(Count())(torch.zeros(3, 1, 4, 4))
    assert changed[:, 0, 0, 0].tolist() == [1, 2, 3]
