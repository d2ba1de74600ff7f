from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.functional import max_pool2d

from lossbook.models.blocks import conv_block


@pytest.mark.parametrize(("shrink", "size"), [((1, 1), (9, 12)), ((2, 2), (4, 6)), ((2, 1), (4, 12))])
def test_a_block_keeps_or_shrinks_the_image(shrink: tuple[int, int], size: tuple[int, int]) -> None:
    assert conv_block(3, 5, shrink)(torch.randn(2, 3, 9, 12)).shape == (2, 5, *size)


def test_the_maximum_before_batch_norm_and_relu_equals_the_one_after_where_the_scale_is_positive() -> None:
    block = conv_block(2, 4, (2, 2)).eval()
    norm = next(layer for layer in block if isinstance(layer, nn.BatchNorm2d))
    nn.init.uniform_(norm.weight, 0.5, 2)
    nn.init.normal_(norm.bias)
    nn.init.normal_(norm.running_mean)
    images = torch.randn(3, 2, 8, 8)
    torch.testing.assert_close(block(images), max_pool2d(norm(block[0](images)).relu(), 2))
