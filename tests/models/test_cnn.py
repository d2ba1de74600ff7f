from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy

from lossbook.data.digits import Digits
from lossbook.errors import UserError
from lossbook.models.cnn import CNN


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32), (1, 24, 24), (2, 5, 17), (1, 1, 1), (4, 1, 9)])
def test_images_of_any_size_become_vectors(shape: tuple[int, int, int]) -> None:
    assert CNN(shape, 7)(torch.randn(3, *shape)).shape == (3, 7)


def test_the_parameters_do_not_depend_on_the_image_size() -> None:
    # by hand: three convolutions and their batch norms, the hidden layer, the output layer
    expected = 9 * (32 + 32 * 64 + 64 * 64) + 2 * (32 + 64 + 64) + 128 * 128 + 128 + 128 * 10 + 10
    for side in (8, 28):
        assert sum(p.numel() for p in CNN((1, side, side), 10).parameters()) == expected


def test_the_head_sees_mean_and_maximum_of_every_channel() -> None:
    model = CNN((1, 8, 8), 2, channels=[3]).eval()
    images = torch.randn(4, 1, 8, 8)
    maps = model.features(images).detach().numpy()
    pooled = torch.from_numpy(maps.mean((2, 3))), torch.from_numpy(maps.max((2, 3)))
    torch.testing.assert_close(model(images), model.head(torch.cat(pooled, 1)))


def test_it_learns_real_digits_in_a_few_epochs() -> None:
    torch.manual_seed(0)
    parts = Digits().load()
    model = CNN((1, 8, 8), 10, channels=[16, 32], hidden=64)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    images, labels = parts.train["input"], parts.train["target"]
    for rows in (part for _ in range(4) for part in torch.randperm(len(labels)).split(64)):
        optimizer.zero_grad()
        cross_entropy(model(images[rows]), labels[rows]).backward()
        optimizer.step()
    decided = model.eval()(parts.val["input"]).argmax(1)
    assert (decided == parts.val["target"]).float().mean() >= 0.95


def test_two_runs_from_one_seed_agree_to_the_bit() -> None:
    gradients = []
    for _ in range(2):
        torch.manual_seed(0)
        model = CNN((1, 8, 8), 3, dropout=0.5)
        model(torch.randn(6, 1, 8, 8)).square().sum().backward()
        gradients.append(torch.cat([p.grad.flatten() for p in model.parameters()]))
    assert torch.equal(*gradients)


@pytest.mark.parametrize(
    ("shape", "options", "said"),
    [
        ((30,), {}, "model=mlp"),
        ((1, 8, 8), {"output": "dense"}, "model=unet"),
        ((1, 8, 8), {"output": "sequence"}, "model=crnn"),
        ((1, 8, 8), {"channels": []}, "model.channels=[]"),
        ((1, 8, 8), {"hidden": 0}, "model.hidden=0"),
        ((1, 8, 8), {"dropout": 1.5}, "model.dropout=1.5"),
    ],
)
def test_what_it_cannot_do_is_refused(shape: tuple[int, ...], options: dict, said: str) -> None:
    with pytest.raises(UserError) as error:
        CNN(shape, 2, **options)
    assert said in str(error.value)


def test_a_grid_tells_where_something_is_and_a_single_cell_does_not():
    image = torch.zeros(1, 1, 16, 16)
    image[..., 4, 4] = 1
    moved = image.roll((4, 4), (2, 3))
    for grid, same in ((1, True), (4, False)):
        torch.manual_seed(0)
        net = CNN((1, 16, 16), 3, channels=[4, 4], grid=grid).eval()
        assert torch.allclose(net(image), net(moved), atol=1e-6) is same


def test_a_grid_has_no_more_cells_than_the_features_have_pixels():
    assert CNN((1, 8, 8), 3, channels=[4, 4, 4], grid=9).cells == (2, 2)
    assert CNN((1, 5, 20), 3, channels=[4, 4], grid=4).cells == (2, 4)
    assert CNN((1, 8, 8), 3, channels=[4, 4], grid=4)(torch.zeros(2, 1, 8, 8)).shape == (2, 3)
