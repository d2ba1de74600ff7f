from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from lossbook.errors import UserError
from lossbook.models.layers import layers
from lossbook.models.timm_net import TimmNet
from lossbook.models.weights import initialise


def said(shape: tuple[int, ...], **options: object) -> str:
    with pytest.raises(UserError) as error:
        TimmNet(shape, 2, **options)  # type: ignore[arg-type]
    return str(error.value)


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_any_number_of_channels_becomes_vectors(channels: int) -> None:
    model = TimmNet((channels, 32, 40), 7, name="test_resnet")
    assert model(torch.randn(2, channels, 32, 40)).shape == (2, 7)
    assert model.training
    assert (model.pretrained_normalise, model.notes) == (None, ())


def test_building_draws_as_much_as_timm_does() -> None:
    torch.manual_seed(0)
    TimmNet((3, 64, 64), 4, name="test_resnet")
    mine = torch.rand(1)
    torch.manual_seed(0)
    timm.create_model("test_resnet", num_classes=4)
    assert torch.equal(mine, torch.rand(1))


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("test_resnet", {"fc"}),
        ("test_vit", {"head"}),
        ("test_convnext", {"head.fc"}),
        ("deit_tiny_distilled_patch16_224", {"head", "head_dist"}),
    ],
)
def test_the_head_is_known(name: str, head: set[str]) -> None:
    model = TimmNet((3, 160, 160) if "test" in name else (3, 64, 64), 4, name=name)
    assert set(model.head_names) == {f"network.{one}" for one in head}
    assert {one.rpartition(".")[0] for one in layers(model)[-1]} == {f"network.{one}" for one in head}


def test_weights_of_timm_are_taken_for_another_width_and_other_channels(tmp_path: Path) -> None:
    source = timm.create_model("test_resnet", num_classes=5)
    save_file(source.state_dict(), tmp_path / "w.safetensors")
    model = TimmNet((1, 64, 64), 2, name="test_resnet")
    initialise(model, str(tmp_path / "w.safetensors"), "backbone", 1)
    assert model.fresh == ("network.fc.weight", "network.fc.bias")
    grey = torch.randn(1, 1, 64, 64)
    expected = source.eval().forward_features(grey.expand(-1, 3, -1, -1))
    torch.testing.assert_close(model.network.eval().forward_features(grey), expected, rtol=1e-4, atol=1e-4)


def test_rates_reach_the_network() -> None:
    assert TimmNet((3, 64, 64), 2, name="test_resnet", drop_rate=0.3).network.drop_rate == 0.3
    assert "model.drop_path_rate=1.5" in said((3, 64, 64), drop_path_rate=1.5)


@pytest.mark.parametrize(
    ("shape", "options", "fix"),
    [
        ((30,), {}, "model=mlp"),
        ((3, 64, 64), {"output": "dense"}, "model=unet"),
        ((3, 64, 64), {"output": "sequence"}, "model=crnn"),
        ((1, 28, 28), {"name": "vit_tiny_patch16_224"}, "data.image_size=32"),
        ((1, 28, 28), {"name": "inception_v3"}, "model.name=resnet18"),
    ],
)
def test_what_it_cannot_do_is_refused(shape: tuple[int, ...], options: dict, fix: str) -> None:
    assert fix in said(shape, **options)
