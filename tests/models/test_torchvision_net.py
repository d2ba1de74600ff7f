from __future__ import annotations

import pytest
import torch
from torchvision.models import squeezenet1_1

from lossbook.errors import UserError
from lossbook.models.torchvision_net import TorchvisionNet


def said(shape: tuple[int, ...], width: int, **options: object) -> str:
    with pytest.raises(UserError) as error:
        TorchvisionNet(shape, width, **options)  # type: ignore[arg-type]
    return str(error.value)


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_any_number_of_channels_becomes_vectors(channels: int) -> None:
    model = TorchvisionNet((channels, 32, 32), 7, arch="shufflenet_v2_x0_5")
    assert model(torch.randn(2, channels, 32, 32)).shape == (2, 7)


@pytest.mark.parametrize(("arch", "side"), [("mobilenet_v3_small", 16), ("squeezenet1_1", 32)])
def test_networks_of_other_kinds_fit_too(arch: str, side: int) -> None:
    assert TorchvisionNet((1, side, side), 3, arch=arch)(torch.randn(2, 1, side, side)).shape == (2, 3)


def test_building_draws_as_much_as_torchvision_does() -> None:
    torch.manual_seed(0)
    TorchvisionNet((3, 64, 64), 4, arch="squeezenet1_1")
    mine = torch.rand(1)
    torch.manual_seed(0)
    squeezenet1_1(num_classes=4)
    assert torch.equal(mine, torch.rand(1))


def test_it_is_left_in_training_mode() -> None:
    model = TorchvisionNet((3, 64, 64), 4, arch="squeezenet1_1")
    assert all(module.training for module in model.modules())


def test_a_misspelt_name_gives_the_nearest() -> None:
    assert "Fix: model.arch=resnet18" in said((3, 64, 64), 2, arch="resnet81")


@pytest.mark.parametrize(("arch", "side"), [("alexnet", 8), ("vit_b_16", 30), ("squeezenet1_1", 8)])
def test_images_too_small_for_it_are_refused(arch: str, side: int) -> None:
    assert f"model.arch={arch}" in said((3, side, side), 2, arch=arch)


@pytest.mark.parametrize(
    ("shape", "output", "fix"),
    [((30,), "vector", "mlp"), ((3, 8, 8), "dense", "unet"), ((3, 8, 8), "sequence", "crnn")],
)
def test_what_it_cannot_do_is_refused(shape: tuple[int, ...], output: str, fix: str) -> None:
    assert f"model={fix}" in said(shape, 2, output=output)
