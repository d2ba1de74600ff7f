from __future__ import annotations

import pytest
import torch
from torch import nn

from lossbook.errors import UserError
from lossbook.models.first_layer import adapt_first_layer, output_for_image


def test_the_first_convolution_is_replaced_by_one_for_other_channels() -> None:
    network = nn.Sequential(nn.Sequential(nn.Conv2d(3, 8, 5, stride=2, padding=1, bias=False)), nn.Conv2d(8, 2, 1))
    second = network[1]
    adapt_first_layer(network, 5)
    first = network[0][0]
    assert (first.in_channels, first.out_channels, first.kernel_size, first.stride) == (5, 8, (5, 5), (2, 2))
    assert (first.padding, first.bias, network[1]) == ((1, 1), None, second)


def test_one_image_passes_without_a_trace() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(0.5))
    before = torch.get_rng_state()
    assert output_for_image(network, (1, 5, 5), "model.arch=x", "").shape == (1, 2, 3, 3)
    assert network.training
    assert torch.equal(torch.get_rng_state(), before)
    assert network[1].num_batches_tracked == 0


def test_an_image_too_small_is_refused_in_words() -> None:
    with pytest.raises(
        UserError, match=r"model\.arch=x for images of 1 x 2 x 2\n  It cannot take them: .*\n  Fix: more"
    ):
        output_for_image(nn.Conv2d(1, 1, 3), (1, 2, 2), "model.arch=x", "more")
