"""Build networks of timm by name; only ``pretrained`` may download."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from lossbook.errors import nearest, refuse, typed
from lossbook.models.first_layer import misfit

_FIX = "larger images (data.image_size=224, where the data option has it)"


def create(
    name: str, key: str, size: Sequence[int] | None, pretrained: bool, more: Mapping[str, Any] | None = None
) -> nn.Module:
    """Build a network of timm.

    Args:
        name: such as ``resnet18``, or with the tag of its pretrained weights (``resnet18.a1_in1k``).
        key: where the name stands in the config (``model.name``), for messages.
        size: height and width of the images; a network made for one size alone is built for these, if it can be. None
            for its own.
        pretrained: download its weights, or take them from the cache of an earlier download.
        more: further arguments of ``timm.create_model``.

    Raises:
        UserError: timm is not installed; the name is unknown; the weights cannot be had; it cannot be built so.
    """
    timm = _timm()
    given = f"{key}={typed(name)}"
    if not timm.is_model(name):  # nor hf-hub: and local-dir:, which would download, or read what a checkpoint names
        near = nearest(name, timm.list_models()) or nearest(name.partition(".")[0], timm.list_models())
        raise refuse(
            given, "timm has no network of this name.", f"{key}={near}" if near else "a name from timm.list_models()"
        )
    tags = [one for one in timm.list_pretrained() if one.partition(".")[0] == name.partition(".")[0]]
    if "." in name and name not in tags:
        rule = f"Its pretrained weights are {', '.join(tags) or 'not published'}."
        raise refuse(given, rule, f"{key}={nearest(name, tags) or name.partition('.')[0]}")
    if pretrained and not tags:
        raise refuse(f"model.pretrained=true with {given}", "timm has no weights for it.", "model.pretrained=false")
    config = timm.get_pretrained_cfg(name)
    other = size is not None and config.fixed_input_size and tuple(size) != tuple(config.input_size[1:])
    options = {"pretrained": pretrained, **(more or {})}
    try:
        with _quiet_hub(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Initializing zero-element tensors")  # of layers that are cut off
            try:
                network = timm.create_model(name, **options, **({"img_size": tuple(size or ())} if other else {}))
            except TypeError as error:
                if not other or "img_size" not in str(error):
                    raise
                network = timm.create_model(name, **options)
    except Exception as error:  # whatever the network, the hub or the net raises
        if pretrained:
            said = str(error).strip().partition("\n")[0].rstrip(".")
            fix = "a connection, model.weights=FILE, or model.pretrained=false"
            raise refuse(f"model.pretrained=true with {given}", f"Its weights cannot be had: {said}.", fix) from error
        raise misfit(given, error, _FIX, size or config.input_size[1:]) from error
    if size is not None:
        _require_patches(network, size, given)
    return network


@contextmanager
def _quiet_hub() -> Iterator[None]:
    """Silence what the hub's library says of each attempt: one message says why weights cannot be had."""
    logger = logging.getLogger("huggingface_hub")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _require_patches(network: Any, size: Sequence[int], given: str) -> None:
    """Refuse images that patches do not cover: a transformer would not look at what is left over."""
    embedding = getattr(network, "patch_embed", None)
    patch = getattr(embedding, "patch_size", None)
    if not isinstance(patch, tuple) or getattr(embedding, "dynamic_img_pad", False):
        return
    covering = [-(-side // part) * part for side, part in zip(size, patch, strict=True)]
    if covering != list(size):
        rule = f"Its patches of {patch[0]} x {patch[1]} pixels do not cover images of {size[0]} x {size[1]}."
        raise refuse(given, rule, f"data.image_size={max(covering)}, or model.name=resnet18")


def normalisation_of(name: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation of each channel, of values in [0, 1], that pretrained weights expect."""
    config = _timm().get_pretrained_cfg(name)
    return tuple(map(float, config.mean)), tuple(map(float, config.std))


def notes_on(name: str, size: Sequence[int]) -> tuple[str, ...]:
    """Return what a user of pretrained weights should know: which they are, and another size of images."""
    config = _timm().get_pretrained_cfg(name)
    height, width = config.input_size[1:]
    other = "" if (height, width) == tuple(size) else f", trained on {height} x {width}; here {size[0]} x {size[1]}"
    return (f"pretrained weights {config.architecture}.{config.tag}{other}",)


def names_in_file(name: str) -> tuple[str, ...]:
    """Return the names of all tensors that a state dict of the whole network holds."""
    with torch.device("meta"):
        return tuple(_timm().create_model(name).state_dict())


def _timm() -> Any:
    try:
        import timm
    except ImportError as error:
        raise refuse(
            "The package timm is not installed.", "Its networks need it.", "pip install -e '.[timm]'"
        ) from error
    return timm
