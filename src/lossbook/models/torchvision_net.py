"""torchvision's networks by name, for any number of channels, without downloads."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

from torch import Tensor, nn

from lossbook.errors import nearest, refuse
from lossbook.models.first_layer import CHANNELS, adapt_first_layer, misfit, output_for_image
from lossbook.models.requirements import require_image, require_output

_LARGER = "larger images (data.image_size=224, where the data option has it)"


class TorchvisionNet(nn.Module):
    """A torchvision classification network with random weights; ``model.weights`` initialises it from a file.

    Args:
        input_shape: (channels, height, width); if there are not 3 channels, the first convolution is replaced.
        output_size: width K of the output.
        output: must be ``vector``.
        arch: a name from ``torchvision.models.list_models(module=torchvision.models)``.

    Raises:
        UserError: the name is unknown, or the inputs are not images or too small.
    """

    def __init__(
        self, input_shape: Sequence[int], output_size: int, output: str = "vector", arch: str = "resnet18"
    ) -> None:
        super().__init__()
        channels, height, width = require_image("torchvision", input_shape)
        require_output("torchvision", output, "vector")
        self.network = _classifier(arch, output_size, (channels, height, width))
        if channels != CHANNELS:
            adapt_first_layer(self.network, channels)
        given = f"model.arch={arch}"
        output_for_image(self.network, (channels, height, width), given, f"model.arch=resnet18, or {_LARGER}")

    def forward(self, input: Tensor) -> Tensor:
        """Map images (N, C, H, W) to outputs (N, K)."""
        return self.network(input)


class TorchvisionSegmentation(nn.Module):
    """A torchvision segmentation network with random weights, without its auxiliary output.

    Args:
        input_shape: (channels, height, width); if there are not 3 channels, the first convolution is replaced.
        output_size: width K of the output of each pixel.
        output: must be ``dense``.
        arch: a name from ``torchvision.models.list_models(module=torchvision.models.segmentation)``.

    Attributes:
        head_names: everything behind the backbone, which a classification network shares.

    Raises:
        UserError: the name is unknown, or the inputs are not images or too small.
    """

    head_names = ("network.classifier",)

    def __init__(
        self, input_shape: Sequence[int], output_size: int, output: str = "dense", arch: str = "deeplabv3_resnet50"
    ) -> None:
        super().__init__()
        from torchvision.models import segmentation

        channels, height, width = require_image("torchvision_segmentation", input_shape)
        require_output("torchvision_segmentation", output, "dense")
        options = {"weights_backbone": None, "num_classes": output_size}
        options |= {} if arch.startswith("lraspp") else {"aux_loss": False}
        self.network = _network(arch, segmentation, "segmentation", options, input_shape)
        if channels != CHANNELS:
            adapt_first_layer(self.network, channels)
        fix = f"model=unet, which takes images of any size, or {_LARGER}"
        output_for_image(self, (channels, height, width), f"model.arch={arch}", fix)

    def forward(self, input: Tensor) -> Tensor:
        """Map images (N, C, H, W) to outputs (N, K, H, W)."""
        return self.network(input)["out"]


def _classifier(arch: str, output_size: int, shape: Sequence[int]) -> nn.Module:
    from torchvision import models

    options: dict[str, Any] = {"num_classes": output_size}
    if arch in ("googlenet", "inception_v3"):  # without their auxiliary outputs in training
        options |= {"aux_logits": False, "init_weights": True}
    if arch.startswith("vit_"):
        options["image_size"] = shape[1]
    if arch.startswith("maxvit"):
        options["input_size"] = tuple(shape[1:])
    return _network(arch, models, "classification", options, shape)


def _network(arch: str, module: ModuleType, what: str, options: dict[str, Any], shape: Sequence[int]) -> nn.Module:
    from torchvision import models

    names = models.list_models(module=module)
    if arch not in names:
        near = nearest(arch, names)
        fix = f"model.arch={near}" if near else f"one of {', '.join(names)}"
        raise refuse(f"model.arch={arch}", f"torchvision has no {what} network of this name.", fix)
    try:
        return models.get_model(arch, weights=None, **options)
    except (ValueError, AssertionError) as error:  # the image size is not a multiple of the patch size
        raise misfit(f"model.arch={arch}", error, f"model.arch=resnet18, or {_LARGER}", shape) from error
