"""Fit an image network of another library to the data at hand: its channels, and one image passed through."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lossbook.errors import UserError, refuse

CHANNELS = 3  # that networks for photographs are made for


def adapt_first_layer(network: nn.Module, channels: int) -> None:
    """Replace the first convolution, of three input channels, by one with this number of them."""
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


def output_for_image(network: nn.Module, shape: Sequence[int], given: str, fix: str) -> Tensor:
    """Pass one image through, without changing the random state, so that one too small for it is reported at once.

    Args:
        network: left in the mode in which it is.
        shape: (channels, height, width).
        given: what the user gave (``model.arch=resnet18``), for the message.
        fix: an option that takes such images.

    Raises:
        UserError: the network fails.
    """
    training = network.training
    network.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            output: Tensor = network(torch.zeros(1, *shape))
    except (RuntimeError, AssertionError, ValueError, IndexError, ZeroDivisionError) as error:
        raise misfit(given, error, fix, shape) from error
    finally:
        network.train(training)
    return output


def misfit(given: str, error: Exception, fix: str, shape: Sequence[int]) -> UserError:
    """Return the refusal of a network that cannot take images of such a shape, or of such a height and width."""
    size = f" for images of {' x '.join(map(str, shape))}"
    said = str(error).strip().partition("\n")[0].rstrip(".")
    return refuse(f"{given}{size}", f"It cannot take them: {said}.", fix)
