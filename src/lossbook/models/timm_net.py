"""timm's classification networks by name, fitted to the channels, the size of images and the output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from lossbook.errors import refuse
from lossbook.models.first_layer import output_for_image
from lossbook.models.requirements import require_dropout, require_image, require_output
from lossbook.models.timm_networks import create, normalisation_of, notes_on


class TimmNet(nn.Module):
    """A network of timm with random or pretrained weights; ``model.weights`` initialises it from a file.

    Args:
        input_shape: (channels, height, width); timm averages pretrained filters for other than 3 channels.
        output_size: width K of the output; the output layer is always random but for ImageNet's width.
        output: must be ``vector``.
        name: from ``timm.list_models()``, or one of ``timm.list_pretrained()`` with the tag of its weights.
        pretrained: download its weights; the only thing that does.
        drop_rate: dropout in front of the output layer; None for the network's own.
        drop_path_rate: of residual blocks skipped in training (stochastic depth); None for the network's own.

    Attributes:
        head_names: of its output layers.
        pretrained_normalise: mean and standard deviation that its pretrained weights expect; None without these.
        notes: what a user should know.

    Raises:
        UserError: the name is unknown, its weights cannot be had, the inputs are not images or too small, or another
            kind of output is needed.
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        output_size: int,
        output: str = "vector",
        name: str = "resnet18",
        pretrained: bool = False,
        drop_rate: float | None = None,
        drop_path_rate: float | None = None,
    ) -> None:
        super().__init__()
        channels, *size = require_image("timm", input_shape)
        require_output("timm", output, "vector")
        rates: dict[str, Any] = {"drop_rate": drop_rate, "drop_path_rate": drop_path_rate}
        for key, rate in rates.items():
            if rate is not None:
                require_dropout(rate, key)
        options = {"in_chans": channels, "num_classes": output_size, **rates}
        self.network = create(name, "model.name", size, pretrained, options)
        self.head_names = _heads(self.network)
        self.pretrained_normalise = normalisation_of(name) if pretrained else None
        self.notes = notes_on(name, size) if pretrained else ()
        fix = "model.name=resnet18, or larger images (data.image_size=224, where the data option has it)"
        found = output_for_image(self.network, (channels, *size), f"model.name={name}", fix)
        if not isinstance(found, Tensor) or found.shape != (1, output_size):
            raise refuse(f"model.name={name}", "It does not give one vector for an image.", "model.name=resnet18")

    def forward(self, input: Tensor) -> Tensor:
        """Map images (N, C, H, W) to outputs (N, K)."""
        return self.network(input)


def _heads(network: Any) -> tuple[str, ...]:
    """Return the names of the output layers, of which some networks have two."""
    layers = network.get_classifier()
    several = layers if isinstance(layers, (tuple, list)) else (layers,)
    return tuple(f"network.{name}" for name, one in network.named_modules() if any(one is each for each in several))
