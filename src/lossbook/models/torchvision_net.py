"""torchvision's classification networks by name, for any number of channels, without downloads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lossbook.errors import nearest, refuse
from lossbook.models.requirements import require_image, require_output

CHANNELS = 3  # that torchvision's networks are made for


class TorchvisionNet(nn.Module):
    """A torchvision network, with random weights or with those of a local file.

    Args:
        input_shape: (channels, height, width); if there are not 3 channels, the first convolution is replaced.
        output_size: width K of the output.
        output: must be ``vector``.
        arch: a name from ``torchvision.models.list_models(module=torchvision.models)``.
        weights: file with a state dict of that network, such as torchvision's; None for random weights. An output
            layer of another width stays random (``fresh`` names it); for other channels, the file's filters are
            averaged.

    Attributes:
        fresh: names of the parameters that stay random although a file of weights is given.

    Raises:
        UserError: the name is unknown, the inputs are not images or too small, or the weights do not fit.
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        output_size: int,
        output: str = "vector",
        arch: str = "resnet18",
        weights: str | None = None,
    ) -> None:
        super().__init__()
        channels, height, width = require_image("torchvision", input_shape)
        require_output("torchvision", output, "vector")
        self.network = _network(arch, output_size, height)
        if channels != CHANNELS:
            _adapt(self.network, channels)
        self.fresh: tuple[str, ...] = ()
        if weights is not None:
            with torch.device("meta"):  # shapes only: the output layer is what depends on the width of the output
                wider = _network(arch, output_size + 1, height).state_dict()
            head = {name for name, value in self.network.state_dict().items() if value.shape != wider[name].shape}
            self.fresh = _restore(self.network, Path(weights), arch, head)
        _try(self.network, (channels, height, width), arch)

    def forward(self, input: Tensor) -> Tensor:
        """Map images (N, C, H, W) to outputs (N, K)."""
        return self.network(input)


def _network(arch: str, output_size: int, size: int) -> nn.Module:
    from torchvision import models

    names = models.list_models(module=models)
    if arch not in names:
        near = nearest(arch, names)
        fix = f"model.arch={near}" if near else f"one of {', '.join(names)}"
        raise refuse(f"model.arch={arch}", "torchvision has no classification network of this name.", fix)
    options: dict[str, Any] = {"num_classes": output_size}
    if arch in ("googlenet", "inception_v3"):  # without their auxiliary outputs in training
        options |= {"aux_logits": False, "init_weights": True}
    if arch.startswith("vit_"):
        options["image_size"] = size
    if arch.startswith("maxvit"):
        options["input_size"] = (size, size)
    try:
        return models.get_model(arch, weights=None, **options)
    except (ValueError, AssertionError) as error:  # the image size is not a multiple of the patch size
        raise _misfit(arch, error) from error


def _adapt(network: nn.Module, channels: int) -> None:
    """Replace the first convolution by one with this number of input channels."""
    name, first = next((n, m) for n, m in network.named_modules() if isinstance(m, nn.Conv2d))
    assert (first.in_channels, first.groups) == (CHANNELS, 1), name
    owner, _, child = name.rpartition(".")
    convolution = nn.Conv2d(
        channels,
        first.out_channels,
        first.kernel_size,  # type: ignore[arg-type]  # (its annotations say tuple[int, ...])
        stride=first.stride,  # type: ignore[arg-type]
        padding=first.padding,  # type: ignore[arg-type]
        dilation=first.dilation,  # type: ignore[arg-type]
        bias=first.bias is not None,
        padding_mode=first.padding_mode,
    )
    setattr(network.get_submodule(owner), child, convolution)


def _restore(network: nn.Module, file: Path, arch: str, head: set[str]) -> tuple[str, ...]:
    """Load a state dict, and return the names in ``head``, the output layer, whose width differs in the file."""
    given = f"model.weights={file}"
    if not file.is_file():
        raise refuse(given, "There is no such file.", "a state dict saved with torch.save(network.state_dict(), FILE)")
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises errors of many classes for files that it cannot or must not read
        raise refuse(given, "torch cannot read it as a file of plain tensors.", "torch.save a state dict") from error
    expected = network.state_dict()
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise refuse(given, f"It must hold a state dict of {arch}, but holds a {type(state).__name__}.")
    if odd := sorted(set(state) ^ set(expected)):
        rule = f"It must hold a state dict of {arch}: {odd[0]} and {len(odd) - 1} other names differ."
        raise refuse(given, rule)
    state = dict(state)
    first = next(name for name, value in expected.items() if value.dim() == 4)
    there, here = state[first].shape, expected[first].shape
    if there != here and (there[:1], there[2:]) == (here[:1], here[2:]):
        # the mean over the channels, scaled to keep their sum: a grey image gives what its copy in three channels did
        state[first] = state[first].mean(1, keepdim=True).expand(here) * (there[1] / here[1])
    differ = [name for name in expected if state[name].shape != expected[name].shape]
    odd = [name for name in differ if name not in head]
    if odd:
        raise refuse(given, f"{odd[0]} has the shape {tuple(state[odd[0]].shape)} there, but another in {arch}.")
    network.load_state_dict({name: value for name, value in state.items() if name not in differ}, strict=False)
    return tuple(differ)


def _try(network: nn.Module, shape: tuple[int, int, int], arch: str) -> None:
    """Pass one image through, without changing the random state, so that a too small one is reported at once."""
    training = network.training
    network.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            network(torch.zeros(1, *shape))
    except (RuntimeError, AssertionError, ValueError) as error:
        raise _misfit(arch, error, shape) from error
    finally:
        network.train(training)


def _misfit(arch: str, error: Exception, shape: Sequence[int] = ()) -> Exception:
    size = f" for images of {' x '.join(map(str, shape))}" if shape else ""
    said = str(error).strip().partition("\n")[0]
    return refuse(f"model.arch={arch}{size}", f"It cannot take them: {said}", "model.arch=resnet18, or larger images")
