"""A U-Net on any network of timm that gives maps of features at several scales."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad

from lossbook.errors import refuse
from lossbook.models.blocks import conv_block
from lossbook.models.first_layer import output_for_image
from lossbook.models.requirements import require_image, require_output, require_positive
from lossbook.models.timm_networks import create, names_in_file, normalisation_of, notes_on

_WIDEST = 16  # times the width at full size


class TimmUNet(nn.Module):
    """An encoder of timm, and convolutions back up to full size that also see its features at each scale.

    Args:
        input_shape: (channels, height, width), of any size that the encoder takes: sides are padded with zeros to a
            multiple of its coarsest scale, and the output is cropped.
        output_size: width K of the output of each pixel.
        output: must be ``dense``.
        encoder: from ``timm.list_models()``, or one of ``timm.list_pretrained()`` with the tag of its weights.
        pretrained: download the encoder's weights; the only thing that does.
        width: channels of the decoder at full size, doubled with each halving up to 16 times as many.

    Attributes:
        head_names: of the decoder and the output layer: all that is not the encoder's.
        pretrained_normalise: mean and standard deviation that pretrained weights expect; None without these.
        notes: what a user should know.

    Raises:
        UserError: the encoder is unknown, gives no such maps, or cannot take these images; its weights cannot be had;
            the inputs are not images, or another kind of output is needed.
    """

    head_names = ("decoder", "head")

    def __init__(
        self,
        input_shape: Sequence[int],
        output_size: int,
        output: str = "dense",
        encoder: str = "resnet18",
        pretrained: bool = False,
        width: int = 16,
    ) -> None:
        super().__init__()
        channels, height, width_of_image = require_image("unet_timm", input_shape)
        require_output("unet_timm", output, "dense")
        require_positive("unet_timm", "width", width)
        self._name = encoder
        given = f"model.encoder={encoder}"
        options = {"in_chans": channels, "features_only": True}
        with torch.device("meta"):  # its scales only
            made: Any = create(encoder, "model.encoder", None, False, options)
        self.scales = list(made.feature_info.reduction())
        self.multiple = self.scales[-1]
        if self.scales != sorted(set(self.scales)) or any(scale & (scale - 1) for scale in self.scales):
            rule = f"Its maps are smaller than the image by {self.scales}; a U-Net needs ever smaller ones, by halves."
            raise refuse(given, rule, "model.encoder=resnet18 or model.encoder=convnext_atto")
        padded = [-(-side // self.multiple) * self.multiple for side in (height, width_of_image)]
        self.encoder = made = create(encoder, "model.encoder", padded, pretrained, options)
        self.channels_last = str(getattr(made, "output_fmt", None)).endswith("NHWC")
        widths = dict(zip(self.scales, made.feature_info.channels(), strict=True))
        blocks, depth, scale = [], widths[self.multiple], self.multiple
        while scale > 1:
            scale //= 2
            outputs = min(width * scale, width * _WIDEST)
            blocks.append(
                nn.Sequential(conv_block(depth + widths.get(scale, 0), outputs), conv_block(outputs, outputs))
            )
            depth = outputs
        self.decoder = nn.ModuleList(blocks)
        self.head = nn.Conv2d(depth, output_size, 1)
        self.pretrained_normalise = normalisation_of(encoder) if pretrained else None
        self.notes = notes_on(encoder, (height, width_of_image)) if pretrained else ()
        output_for_image(self, (channels, height, width_of_image), given, "model.encoder=resnet18, or model=unet")

    @cached_property
    def file_names(self) -> tuple[str, ...]:
        """What a file of the whole network holds: its last layers are no part of the encoder."""
        return names_in_file(self._name)

    def forward(self, input: Tensor) -> Tensor:
        """Map images (N, C, H, W) to outputs (N, K, H, W)."""
        height, width = input.shape[-2:]
        image = pad(input, (0, -width % self.multiple, 0, -height % self.multiple))
        found = [one.permute(0, 3, 1, 2) if self.channels_last else one for one in self.encoder(image)]
        maps = dict(zip(self.scales, found, strict=True))
        output, scale = maps[self.multiple], self.multiple
        for block in self.decoder:
            scale //= 2
            size = maps[scale].shape[-2:] if scale in maps else [side // scale for side in image.shape[-2:]]
            output = interpolate(output, size)
            output = block(torch.cat([output, maps[scale]], 1) if scale in maps else output)
        return self.head(output)[..., :height, :width]
