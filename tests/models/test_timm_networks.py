from __future__ import annotations

import sys
from typing import Any

import pytest
import timm
import torch

from lossbook.errors import UserError
from lossbook.models.timm_networks import create, names_in_file, normalisation_of, notes_on


def said(name: str, pretrained: bool = False, size: tuple[int, int] = (64, 64)) -> str:
    with pytest.raises(UserError) as error:
        create(name, "model.name", size, pretrained)
    return str(error.value)


def test_a_misspelt_name_gives_the_nearest() -> None:
    assert "Fix: model.name=resnet18" in said("resnet81")
    assert "Fix: model.name=resnet18.a1_in1k" in said("resnet18.a1_in2k")
    assert "timm.list_models()" in said("???")


@pytest.mark.parametrize("name", ["hf-hub:timm/resnet18.a1_in1k", "local-dir:/tmp", "timm/resnet18", ""])
def test_what_would_download_or_read_elsewhere_is_no_name(name: str) -> None:
    assert "no network of this name" in said(name)


def test_nothing_is_downloaded_unless_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    real = timm.create_model
    monkeypatch.setattr(
        timm, "create_model", lambda *given, **more: (asked.append(more["pretrained"]), real(*given, **more))[1]
    )
    create("test_resnet.r160_in1k", "model.name", (64, 64), False, {"num_classes": 2})
    assert asked == [False]


def test_weights_that_cannot_be_had_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: Any, **__: Any) -> None:
        raise OSError("no connection")

    monkeypatch.setattr(timm, "create_model", offline)
    message = said("resnet18", pretrained=True)
    assert "Its weights cannot be had: no connection." in message
    assert "model.weights=FILE" in message
    unpublished = next(name for name in timm.list_models() if not timm.is_model_pretrained(name))
    assert "timm has no weights for it" in said(unpublished, pretrained=True)


def test_a_network_made_for_one_size_is_built_for_that_of_the_images() -> None:
    network = create("vit_tiny_patch16_224", "model.name", (32, 64), False, {"num_classes": 2})
    assert network.eval()(torch.zeros(1, 3, 32, 64)).shape == (1, 2)
    assert create("vit_tiny_patch16_224", "model.name", None, False).eval()(torch.zeros(1, 3, 224, 224)).shape == (
        1,
        1000,
    )


def test_what_pretrained_weights_expect() -> None:
    assert normalisation_of("vit_tiny_patch16_224") == ((0.5,) * 3, (0.5,) * 3)
    assert normalisation_of("resnet18.a1_in1k") == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert notes_on("resnet18", (224, 224)) == ("pretrained weights resnet18.a1_in1k",)
    assert notes_on("resnet18", (64, 32)) == (
        "pretrained weights resnet18.a1_in1k, trained on 224 x 224; here 64 x 32",
    )


def test_the_names_of_a_file_are_those_of_the_whole_network() -> None:
    assert set(names_in_file("resnet18")) == set(timm.create_model("resnet18").state_dict())


def test_without_timm_its_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    assert "'.[timm]'" in said("resnet18")
