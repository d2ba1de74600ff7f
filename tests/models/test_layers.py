from __future__ import annotations

import torchvision
from torch import nn

from lossbook.models.cnn import CNN
from lossbook.models.layers import is_within, layers


def test_a_residual_block_is_one_layer() -> None:
    found = layers(torchvision.models.resnet18(num_classes=3))
    assert len(found) == 1 + 8 + 1  # the stem, two blocks in each of four stages, the output
    assert found[0] == ["conv1.weight", "bn1.weight", "bn1.bias"]
    assert found[-1] == ["fc.weight", "fc.bias"]
    assert "layer2.0.downsample.0.weight" in found[3]


def test_a_transformer_block_is_one_layer() -> None:
    net = torchvision.models.vision_transformer.VisionTransformer(8, 4, 3, 2, 8, 16, num_classes=3)
    found = layers(net)
    assert [any("encoder_layer_1.mlp" in name for name in layer) for layer in found].count(True) == 1
    assert found[-1] == ["heads.head.weight", "heads.head.bias"]


def test_every_parameter_is_in_one_layer() -> None:
    for net in (CNN((1, 8, 8), 10), torchvision.models.resnet18(), torchvision.models.mobilenet_v3_small()):
        names = [name for layer in layers(net) for name in layer]
        assert sorted(names) == sorted(name for name, _ in net.named_parameters())


class Named(nn.Module):
    """Registers its head first, and a norm behind it."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        self.out = nn.Linear(3, 2)
        self.blocks = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
        self.norm = nn.LayerNorm(3)
        self.scale = nn.Parameter(nn.Linear(1, 1).weight.detach())
        self.head_names = names


def test_a_network_may_name_its_head() -> None:
    head = ["scale", "out.weight", "out.bias"]
    middle = ["blocks.1.weight", "blocks.1.bias", "norm.weight", "norm.bias"]
    assert layers(Named("out", "scale")) == [["blocks.0.weight", "blocks.0.bias"], middle, head]


def test_without_one_the_last_layer_is_it() -> None:
    assert layers(Named())[-1] == ["blocks.1.weight", "blocks.1.bias", "norm.weight", "norm.bias"]


def test_names_are_compared_whole() -> None:
    assert is_within("head.fc.weight", ("head",))
    assert is_within("scale", ("scale",))
    assert not is_within("head_dist.weight", ("head",))
