from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch

from lossbook.errors import UserError
from lossbook.models.layers import layers
from lossbook.models.timm_net import TimmNet
from lossbook.models.timm_unet import TimmUNet
from lossbook.models.weights import initialise


@pytest.mark.parametrize("encoder", ["test_resnet", "test_convnext", "test_efficientnet"])
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 33, 70), (2, 1, 1)])
def test_every_pixel_gets_a_vector_at_any_size(encoder: str, shape: tuple[int, int, int]) -> None:
    model = TimmUNet(shape, 5, encoder=encoder)
    assert model(torch.randn(2, *shape)).shape == (2, 5, *shape[1:])
    assert model.training


@pytest.mark.parametrize("encoder", ["swin_tiny_patch4_window7_224", "vgg11", "levit_128s"])
def test_encoders_of_other_layouts_and_scales(encoder: str) -> None:
    assert TimmUNet((1, 40, 64), 3, encoder=encoder).eval()(torch.randn(1, 1, 40, 64)).shape == (1, 3, 40, 64)


def test_a_pixel_sees_far_around_itself_and_its_own_place() -> None:
    torch.manual_seed(0)
    model = TimmUNet((1, 64, 64), 1, encoder="test_resnet").eval()
    image = torch.randn(1, 1, 64, 64, requires_grad=True)
    model(image)[0, 0, 20, 40].backward()
    seen = image.grad[0, 0].abs() > 0  # type: ignore[index]
    assert seen[20, 40]
    assert seen.sum() > 1000


def test_the_head_is_all_but_the_encoder() -> None:
    found = layers(TimmUNet((3, 64, 64), 2, encoder="test_resnet"))
    assert {name.partition(".")[0] for name in found[-1]} == {"decoder", "head"}
    assert {name.partition(".")[0] for layer in found[:-1] for name in layer} == {"encoder"}


@pytest.mark.parametrize("encoder", ["resnet18", "convnext_atto", "mobilenetv3_small_050", "densenet121"])
def test_the_encoder_is_initialised_by_a_file_of_the_whole_network(encoder: str, tmp_path: Path) -> None:
    source = timm.create_model(encoder, num_classes=5)
    torch.save(source.state_dict(), tmp_path / "w.pt")
    model = TimmUNet((3, 64, 64), 2, encoder=encoder)
    notes = initialise(model, str(tmp_path / "w.pt"), "backbone", 3)
    assert all(name.startswith(("decoder.", "head.")) for name in model.fresh)
    assert "not used of the file" in notes[-1]
    image = torch.randn(1, 3, 64, 64)
    expected = timm.create_model(encoder, features_only=True)
    expected.load_state_dict(model.encoder.state_dict())
    assert model.encoder.state_dict().keys() == expected.state_dict().keys()
    found = model.encoder.eval()(image)[-1]
    torch.testing.assert_close(found, expected.eval()(image)[-1])


def test_a_larger_encoder_of_the_same_names_is_told_apart(tmp_path: Path) -> None:
    torch.save(timm.create_model("resnet34").state_dict(), tmp_path / "w.pt")
    with pytest.raises(UserError, match=r"only the file has layer1\.2"):
        initialise(TimmUNet((3, 64, 64), 2), str(tmp_path / "w.pt"), "backbone", 3)


def test_a_classifier_of_ours_becomes_the_encoder(tmp_path: Path) -> None:
    source = TimmNet((3, 64, 64), 7, name="resnet18")
    torch.save({f"model.{name}": value for name, value in source.state_dict().items()}, tmp_path / "w.pt")
    model = TimmUNet((3, 64, 64), 2)
    initialise(model, str(tmp_path / "w.pt"), "backbone", 3)
    assert torch.equal(model.encoder.layer4[0].conv1.weight, source.network.layer4[0].conv1.weight)


@pytest.mark.parametrize(
    ("shape", "options", "said"),
    [
        ((30,), {}, "model=mlp"),
        ((3, 64, 64), {"output": "vector"}, "model=cnn"),
        ((3, 64, 64), {"encoder": "resnet81"}, "model.encoder=resnet18"),
        ((3, 64, 64), {"encoder": "vit_tiny_patch16_224"}, "ever smaller"),
        ((3, 64, 64), {"width": 0}, "model.width=0"),
        ((3, 28, 28), {"encoder": "inception_v3"}, "model.encoder=inception_v3 for images of 3 x 28 x 28"),
    ],
)
def test_what_it_cannot_do_is_refused(shape: tuple[int, ...], options: dict, said: str) -> None:
    with pytest.raises(UserError) as error:
        TimmUNet(shape, 2, **options)
    assert said in str(error.value)
