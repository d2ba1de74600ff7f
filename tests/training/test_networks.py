"""Networks of torchvision and timm, with random weights, on photographs and on small grey images.

Each trains a step, or is refused in words and trains on larger images.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

import lossbook
from lossbook.config.check import check
from lossbook.config.resolve import plain
from lossbook.data.schema import Schema
from lossbook.data.source import Parts, Source
from lossbook.data.statistics import described_parts
from lossbook.errors import UserError
from lossbook.training.assemble import assemble
from lossbook.trust import OWN_CONFIG

TORCHVISION = (
    "resnet18", "mobilenet_v3_small", "shufflenet_v2_x0_5", "squeezenet1_1", "densenet121", "efficientnet_b0",
    "googlenet", "inception_v3", "mnasnet0_5", "regnet_y_400mf", "swin_t", "vit_b_32", "maxvit_t", "convnext_tiny",
)  # fmt: skip
TIMM = (
    "resnet18", "convnext_atto", "mobilenetv3_small_050", "efficientnet_b0", "densenet121", "regnetx_002",
    "vit_tiny_patch16_224", "deit_tiny_distilled_patch16_224", "swin_tiny_patch4_window7_224", "mixer_s32_224",
    "levit_128s", "maxvit_rmlp_pico_rw_256", "inception_v3", "repvgg_a0",
)  # fmt: skip
FAST = ("model=torchvision model.arch=squeezenet1_1", "model=torchvision model.arch=mobilenet_v3_small",
        "model=timm model.name=test_resnet", "model=timm model.name=test_vit")  # fmt: skip
EVERY = (
    *(f"model=torchvision model.arch={arch}" for arch in TORCHVISION),
    *(f"model=timm model.name={name}" for name in TIMM),
)
MASKS = (
    "model=unet_timm", "model=unet_timm model.encoder=convnext_atto",
    "model=torchvision_segmentation model.arch=lraspp_mobilenet_v3_large",
)  # fmt: skip
ALL_MASKS = (
    *(f"model=torchvision_segmentation model.arch={arch}" for arch in ("deeplabv3_mobilenet_v3_large", "fcn_resnet50")),
    "model=unet_timm model.encoder=swin_tiny_patch4_window7_224", "model=unet_timm model.encoder=efficientnet_b0",
)  # fmt: skip


@dataclass(frozen=True)
class Photographs(Source):
    """Random images in three classes, or with a class for every pixel."""

    shape: tuple[int, int, int]
    masks: bool = False
    seed: int = 0

    def load(self) -> Parts:
        random = torch.Generator().manual_seed(self.seed)
        size = (8, *self.shape[1:]) if self.masks else (8,)
        made = torch.randint(0, 256, (8, *self.shape), generator=random, dtype=torch.uint8)
        target = torch.randint(0, 3, size, generator=random)
        target[:3] = torch.arange(3).reshape(3, *[1] * (target.ndim - 1))
        schema = Schema("mask" if self.masks else "class", tuple(self.shape), 0, classes=3)
        cuts = {"train": slice(0, 4), "val": slice(4, 6), "test": slice(6, 8)}
        parts = {name: {"input": made[cut], "target": target[cut]} for name, cut in cuts.items()}
        return described_parts(schema, parts, ((0.5,) * self.shape[0], (0.5,) * self.shape[0]))


def train_a_step(network: str, shape: tuple[int, int, int], masks: bool = False) -> None:
    overrides = ("data=scene_masks" if masks else "data=digits", "loss=cross_entropy", "optim=sgd")
    values = plain(lossbook.compose(*overrides, "data.batch_size=2", "trainer.accelerator=cpu", *network.split()))
    values["data"]["source"] = {"_target_": f"{__name__}.Photographs", "shape": list(shape), "masks": masks}
    made = assemble(values, check(values), OWN_CONFIG)
    before = {name: value.clone() for name, value in made.module.named_parameters()}
    optimizer = made.module.make_optimizer(made.module)
    loss = made.task.step(made.data.few(2)).loss
    loss.backward()
    optimizer.step()
    assert bool(loss.isfinite())
    moved = [name for name, value in made.module.named_parameters() if not torch.equal(value, before[name])]
    assert len(moved) > 1  # many have zeros that keep the gradient of the first step from all others


def train_or_be_refused(network: str, masks: bool = False) -> None:
    refusal = ""
    try:
        train_a_step(network, (1, 28, 28), masks)
    except UserError as error:
        refusal = str(error)
    if refusal:
        assert "28 x 28" in refusal  # its size is what is wrong
        assert "Fix: " in refusal
        train_a_step(network, (1, 224, 224), masks)


@pytest.mark.parametrize("network", FAST)
def test_a_step_on_photographs(network: str) -> None:
    train_a_step(network, (3, 160, 160) if "test_" in network else (3, 224, 224))


@pytest.mark.parametrize("network", FAST)
def test_small_grey_images_are_trained_on_or_refused_in_words(network: str) -> None:
    train_or_be_refused(network)


@pytest.mark.parametrize("network", MASKS)
def test_masks_of_any_size(network: str) -> None:
    train_a_step(network, (3, 50, 34), masks=True)
    train_or_be_refused(network, masks=True)


@pytest.mark.slow
@pytest.mark.parametrize("network", EVERY)
def test_every_network_on_photographs_and_small_grey_images(network: str) -> None:
    train_a_step(network, (3, 224, 224))
    train_or_be_refused(network)


@pytest.mark.slow
@pytest.mark.parametrize("network", ALL_MASKS)
def test_every_network_for_masks(network: str) -> None:
    train_a_step(network, (3, 224, 224), masks=True)
    train_or_be_refused(network, masks=True)
