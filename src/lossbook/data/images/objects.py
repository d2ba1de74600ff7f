"""Images in memory, brought to a format: Pillow's, arrays and tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from lossbook.data.images.decoding import ImageError, as_image_error, pixels_of
from lossbook.data.images.format import LUMA, ImageFormat
from lossbook.errors import Problem, refuse

if TYPE_CHECKING:
    from PIL.Image import Image

_KINDS = "Images are PIL images, arrays (H, W) or (H, W, C), or tensors (C, H, W); several are a list of these."
_AXES = "A list of images, or an array (N, H, W, C) or a tensor (N, C, H, W)."


def as_list(inputs: Any) -> list[Any]:
    """Return the images that were given: one, a list of them, or an array or tensor of four dimensions.

    Raises:
        UserError: they are of another kind.
    """
    from PIL.Image import Image

    if isinstance(inputs, Image):
        return [inputs]
    if isinstance(inputs, (np.ndarray, Tensor)):
        if inputs.ndim == 4:
            return list(inputs)
        if inputs.ndim == 2 or (inputs.ndim == 3 and _channels(inputs) in (1, 3, 4)):
            return [inputs]
        fix = "list(inputs), if the first axis counts the images" if inputs.ndim == 3 else ""
        raise refuse(f"an input of shape {tuple(inputs.shape)}", _AXES, fix)
    if not isinstance(inputs, (list, tuple)):
        raise refuse(f"an input of type {type(inputs).__name__}", _KINDS)
    for place, one in enumerate(inputs):
        if not isinstance(one, (Image, np.ndarray, Tensor)):
            raise refuse(f"input {place} of type {type(one).__name__}", _KINDS)
    return list(inputs)


def _channels(image: np.ndarray | Tensor) -> int:
    return image.shape[0] if isinstance(image, Tensor) else image.shape[-1]


def read_object(image: Image | np.ndarray | Tensor, form: ImageFormat) -> np.ndarray:
    """Bring an image to a format, (channels, height, width): uint8, or float32 in [0, 1] where it is of floats.

    Raises:
        ImageError: its shape or values are not those of an image.
    """
    from PIL import Image

    if isinstance(image, Image.Image):
        return _pixels(image, form)
    levels = _as_levels(image)
    if levels.ndim == 3 and levels.shape[-1] == 1:
        levels = levels[..., 0]
    if levels.ndim not in (2, 3) or (levels.ndim == 3 and levels.shape[-1] not in (3, 4)) or 0 in levels.shape:
        raise ImageError(f"has shape {tuple(image.shape)}", _KINDS, "an image of 1, 3 or 4 channels")
    if levels.dtype == np.float32:
        return _float_pixels(levels, form)
    return _pixels(Image.fromarray(levels), form)


def _pixels(image: Image, form: ImageFormat) -> np.ndarray:
    if 0 in image.size:
        raise ImageError(f"has {image.width} x {image.height} pixels", "An image has at least one.", "leave it out")
    return pixels_of(image, form)


def _as_levels(image: np.ndarray | Tensor) -> np.ndarray:
    """Return (H, W) or (H, W, C), of uint8, uint16 (greys) or float32."""
    if isinstance(image, Tensor):
        image = image.detach().cpu()
        levels = (image.float() if image.is_floating_point() else image).numpy()
        levels = levels.transpose(1, 2, 0) if levels.ndim == 3 else levels
    else:
        levels = image
    if levels.dtype == bool:
        return np.where(levels, np.uint8(255), np.uint8(0))
    if np.issubdtype(levels.dtype, np.floating):
        return _require(levels.astype(np.float32), 1, "Floats must be from 0 (black) to 1 (white).", "divide by 255")
    if not np.issubdtype(levels.dtype, np.integer):
        raise ImageError(f"has values of type {levels.dtype}", _KINDS, "uint8, or floats from 0 to 1")
    if levels.dtype == np.uint16:
        grey = levels.ndim == 2 or levels.shape[-1] == 1
        return np.ascontiguousarray(levels) if grey else (levels >> 8).astype(np.uint8)
    rule = "Whole numbers must be from 0 (black) to 255 (white), or of type uint16."
    return np.ascontiguousarray(_require(levels, 255, rule, "uint8 or uint16")).astype(np.uint8)


def _require(levels: np.ndarray, largest: int, rule: str, fix: str) -> np.ndarray:
    if levels.size and not (levels.min() >= 0 and levels.max() <= largest):  # not a number, too
        raise ImageError(f"has values from {levels.min():g} to {levels.max():g}", rule, fix)
    return levels


def _float_pixels(levels: np.ndarray, form: ImageFormat) -> np.ndarray:
    """Bring (H, W) or (H, W, 3 or 4) of float32 to the format, as ``ImageFormat.pixels`` does with bytes."""
    from PIL import Image

    planes = [levels] if levels.ndim == 2 else list(np.moveaxis(levels, 2, 0))
    if len(planes) == 4:  # on white
        *planes, opacity = planes
        planes = [plane * opacity + (1 - opacity) for plane in planes]
    if form.channels == 1 and len(planes) == 3:
        planes = [sum(share * plane for share, plane in zip(LUMA, planes, strict=True))]
    images = [Image.fromarray(np.ascontiguousarray(plane, dtype=np.float32)) for plane in planes]
    fitted = np.stack([np.asarray(form.fit(*form.cropped(image))) for image in images])
    return fitted if len(fitted) == form.channels else np.repeat(fitted, form.channels, 0)


def read_objects(inputs: Any, form: ImageFormat) -> tuple[Tensor, list[int], list[Problem]]:
    """Bring images to a format.

    Returns:
        What can be read, (N, channels, height, width), of uint8, or of float32 where any is of floats; the places of
        these in ``inputs``; and what is wrong with the others.

    Raises:
        UserError: the inputs are not images at all.
    """
    read: list[Tensor] = []
    places: list[int] = []
    bad: list[Problem] = []
    for place, image in enumerate(as_list(inputs)):
        try:
            read.append(torch.from_numpy(read_object(image, form)))
        except Exception as error:  # Pillow decodes files that are opened when they are used
            wrong = as_image_error(error)
            bad.append(Problem(f"input {place} {wrong.fault}", wrong.why, wrong.fix))
        else:
            places.append(place)
    if any(one.is_floating_point() for one in read):
        read = [one if one.is_floating_point() else one.float() / 255 for one in read]
    return torch.stack(read) if read else torch.zeros((0, *form.shape), dtype=torch.uint8), places, bad
