from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy

from lossbook.errors import UserError
from lossbook.models.unet import UNet


@pytest.mark.parametrize("shape", [(1, 24, 24), (3, 17, 9), (1, 1, 1), (2, 5, 32)])
def test_every_pixel_gets_a_vector(shape: tuple[int, int, int]) -> None:
    assert UNet(shape, 11, channels=[4, 6, 8])(torch.randn(2, *shape)).shape == (2, 11, *shape[1:])


def test_one_level_has_nothing_to_pool() -> None:
    assert UNet((1, 5, 5), 2, channels=[4])(torch.randn(2, 1, 5, 5)).shape == (2, 2, 5, 5)


def test_padding_leaves_a_small_image_as_it_would_be_in_a_larger_one() -> None:
    torch.manual_seed(0)
    model = UNet((1, 6, 6), 2, channels=[4, 4, 4]).eval()
    image = torch.randn(1, 1, 6, 6)
    larger = torch.zeros(1, 1, 8, 8)
    larger[..., :6, :6] = image
    torch.testing.assert_close(model(image), model(larger)[..., :6, :6])


def test_a_pixel_sees_its_surroundings_as_far_as_the_lowest_level_does() -> None:
    torch.manual_seed(0)
    model = UNet((1, 32, 32), 1, channels=[8, 8, 8]).eval()
    image = torch.randn(1, 1, 32, 32, requires_grad=True)
    model(image)[0, 0, 16, 16].backward()
    rows = image.grad.abs().sum((0, 1, 3)).nonzero().flatten()
    assert rows.max() - rows.min() >= 12


def test_it_learns_to_tell_bright_from_dark() -> None:
    torch.manual_seed(0)
    images = torch.randn(16, 1, 8, 8)
    mask = (images[:, 0] > 0).long()
    model = UNet((1, 8, 8), 2, channels=[4, 8])
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        cross_entropy(model(images), mask).backward()
        optimizer.step()
    assert (model.eval()(images).argmax(1) == mask).float().mean() > 0.95


@pytest.mark.parametrize(
    ("shape", "options", "said"),
    [
        ((30,), {}, "model=mlp"),
        ((1, 8, 8), {"output": "vector"}, "model=cnn"),
        ((1, 8, 8), {"output": "sequence"}, "model=crnn"),
        ((1, 8, 8), {"channels": [4, 0]}, "model.channels=[4, 0]"),
        ((1, 8, 8), {"channels": [4] * 12}, "8 x 8 would be padded to 2048 x 2048"),
    ],
)
def test_what_it_cannot_do_is_refused(shape: tuple[int, ...], options: dict, said: str) -> None:
    with pytest.raises(UserError) as error:
        UNet(shape, 2, **options)
    assert said in str(error.value)
