from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from torchvision.models import mobilenet_v3_large, resnet34, squeezenet1_1

from lossbook.errors import UserError
from lossbook.models.torchvision_net import TorchvisionNet, TorchvisionSegmentation
from lossbook.models.weights import initialise, match_weights, without_prefixes


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "w.pt"


def squeezenet(channels: int = 3, classes: int = 4) -> TorchvisionNet:
    return TorchvisionNet((channels, 64, 64), classes, arch="squeezenet1_1")


def said(network: nn.Module, file: Path, strict: str = "backbone", channels: int | None = 3) -> str:
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(UserError) as error:
        initialise(network, str(file), strict, channels)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    return str(error.value)


@pytest.mark.parametrize("strict", ["all", "backbone", "none"])
def test_weights_are_taken_whole_where_they_fit(file: Path, strict: str) -> None:
    source, model = squeezenet1_1(num_classes=4), squeezenet()
    torch.save(source.state_dict(), file)
    assert initialise(model, str(file), strict, 3) == [f"model.weights={file}: 52 of 52 tensors are the file's"]
    assert model.fresh == ()
    images = torch.randn(1, 3, 64, 64)
    torch.testing.assert_close(model.eval()(images), source.eval()(images))


def test_networks_that_need_the_versions_of_their_modules(file: Path) -> None:
    source, model = (TorchvisionNet((3, 64, 64), 4, arch="mnasnet0_5") for _ in range(2))
    torch.save(dict(source.state_dict()), file)
    initialise(model, str(file), "all", 3)
    images = torch.randn(1, 3, 64, 64)
    torch.testing.assert_close(model.eval()(images), source.eval()(images))


def test_for_other_channels_and_another_width_the_rest_is_taken(file: Path) -> None:
    source, model = squeezenet1_1(num_classes=4), squeezenet(1, 2)
    torch.save(source.state_dict(), file)
    first, second = initialise(model, str(file), "backbone", 1)
    assert first.endswith("50 of 52 tensors are the file's")
    assert "random stay network.classifier.1.weight (2, 512, 1, 1) (in the file (4, 512, 1, 1))" in second
    assert model.fresh == ("network.classifier.1.weight", "network.classifier.1.bias")
    grey = torch.randn(1, 1, 64, 64)
    features = model.network.features(grey)  # a grey image passes as its copy in three channels did
    torch.testing.assert_close(features, source.features(grey.expand(-1, 3, -1, -1)), rtol=1e-4, atol=1e-4)
    assert "(2, 512, 1, 1)" in said(squeezenet(3, 2), file, "all")


@pytest.mark.parametrize("prefix", ["module.", "model.network.", "_orig_mod.module.", "network."])
def test_what_wrappers_put_in_front_of_names_does_not_matter(file: Path, prefix: str) -> None:
    source, model = squeezenet1_1(num_classes=4), squeezenet()
    torch.save({f"{prefix}{name}": value for name, value in source.state_dict().items()}, file)
    initialise(model, str(file), "all", 3)
    assert torch.equal(model.network.classifier[1].weight, source.classifier[1].weight)


def test_prefixes_that_tell_names_apart_stay() -> None:
    state = {name: torch.zeros(2) for name in ("encoder.0.weight", "backbone.0.weight", "0.bias")}
    file = {f"model.{name}": torch.full((2,), float(n)) for n, name in enumerate(state)}
    match = match_weights(state, file)
    assert [value[0].item() for value in match.taken.values()] == [0, 1, 2]
    match = match_weights(state, {"module.backbone.0.weight": torch.ones(2), "0.weight": torch.ones(2)})
    assert set(match.taken) == {"backbone.0.weight", "encoder.0.weight"}
    assert (match.absent, match.left_over) == (("0.bias",), ())
    assert without_prefixes("module.model.network.fc.weight") == "fc.weight"


def test_a_larger_network_of_the_same_names_is_told_apart(file: Path) -> None:
    torch.save(resnet34().state_dict(), file)
    message = said(TorchvisionNet((3, 64, 64), 4), file)
    assert "only the file has layer1.2.conv1.weight" in message
    assert "model.strict=none" in message
    notes = initialise(TorchvisionNet((3, 64, 64), 4), str(file), "none", 3)
    assert "not used of the file: layer1.2.conv1.weight" in notes[-1]


def test_the_network_of_a_segmentation_takes_a_classifier_for_its_backbone(file: Path) -> None:
    model = TorchvisionSegmentation((3, 32, 32), 3, arch="lraspp_mobilenet_v3_large")
    assert "None of its tensors" in said(model, _saved(nn.Linear(2, 2), file))
    other = mobilenet_v3_large(num_classes=7)
    notes = initialise(model, str(_saved(other, file)), "backbone", 3)
    assert torch.equal(model.network.backbone["16"][0].weight, other.features[16][0].weight)
    assert all(name.startswith("network.classifier.") for name in model.fresh)
    assert "not used of the file: classifier.0.weight" in notes[-1]


def test_a_file_of_another_network_is_refused(file: Path) -> None:
    message = said(squeezenet(), _saved(nn.Linear(2, 2), file))
    assert "None of its tensors is one of this network's: it has weight, bias" in message
    state = squeezenet1_1(num_classes=4).state_dict()
    state["features.3.squeeze.bias"] = torch.zeros(3)
    torch.save(state, file)
    assert "network.features.3.squeeze.bias (16,) (in the file (3,))" in said(squeezenet(), file)
    del state["features.3.squeeze.bias"]
    torch.save(state, file)
    assert "network.features.3.squeeze.bias (not in the file)" in said(squeezenet(), file)
    torch.save({"weight": torch.zeros(3, 3), "bias": torch.zeros(3)}, file)
    assert "other shapes" in said(nn.Linear(2, 2), file, "none")


def test_any_network_is_initialised_even_one_that_is_a_head_alone(file: Path) -> None:
    source, model = nn.Linear(3, 2), nn.Linear(3, 2)
    assert len(initialise(model, str(_saved(source, file)), "backbone", None)) == 1
    assert torch.equal(model.weight, source.weight)


def test_half_precision_is_converted_and_counters_may_be_absent(file: Path) -> None:
    source, model = nn.Sequential(nn.BatchNorm1d(3)), nn.Sequential(nn.BatchNorm1d(3))
    state = {name: value.half() for name, value in source.state_dict().items() if not name.endswith("tracked")}
    state["0.running_mean"] += 0.5
    torch.save(state, file)
    initialise(model, str(file), "all", None)
    assert model.state_dict()["0.running_mean"].tolist() == [0.5] * 3
    assert model.state_dict()["0.weight"].dtype == torch.float32


def _saved(network: nn.Module, file: Path) -> Path:
    torch.save(network.state_dict(), file)
    return file
