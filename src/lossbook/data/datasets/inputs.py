"""Inputs as a Dataset returns them, images, arrays or tensors, made tensors of one shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lossbook.data.datasets.item import ItemError
from lossbook.data.images.decoding import as_image_error
from lossbook.data.images.format import ImageFormat
from lossbook.data.images.objects import read_object

_TAKES = "An input is a PIL image, a NumPy array, a tensor, or a list of numbers."
_GREYS = ("1", "L", "I", "I;16", "I;16L", "I;16B", "F")  # modes of Pillow
_IMAGE_CHANNELS = (1, 3, 4)


@dataclass(frozen=True)
class InputForm:
    """The form of a set's inputs, found on the first of them.

    Args:
        shape: of each, without a first axis for samples.
        image: what images are brought to; None where inputs are taken as they are.
        resized: whether images of other sizes are brought to ``image``, too.
        dtype: uint8 or float32; None where it is not known yet.
    """

    shape: tuple[int, ...]
    image: ImageFormat | None = None
    resized: bool = False
    dtype: torch.dtype | None = None

    @classmethod
    def of(cls, first: Any, image: ImageFormat | None, channels: int | None = None) -> InputForm:
        """Return the form of inputs like the first one.

        Args:
            first: input of the set.
            image: what the user has images brought to; None leaves them at their size.
            channels: 3 or 1 where the user says so, for images of Pillow that keep their size.

        Raises:
            ItemError: it is no input.
        """
        if image is not None:
            return cls(image.shape, image, True)
        if is_pillow(first):
            from PIL import ImageOps

            width, height = ImageOps.exif_transpose(first).size
            image = ImageFormat(channels or (1 if first.mode in _GREYS else 3), (height, width), "squash")
            return cls(image.shape, image)
        return cls(tuple(_as_tensor(first).shape))

    def read(self, given: Any) -> Tensor:
        """Return an input as a tensor of the form's shape, uint8 or float32.

        Raises:
            ItemError: it is none, of another shape or type, or not finite.
        """
        found = self._image(given) if self.resized or is_pillow(given) else _as_tensor(given)
        if found.shape != self.shape:
            raise self._shaped(tuple(found.shape))
        if self.dtype is not None and found.dtype != self.dtype:
            kinds = [str(kind).removeprefix("torch.") for kind in (found.dtype, self.dtype)]
            rule = f"The first input is {kinds[1]}, and bytes are divided by 255, other numbers not."
            raise ItemError(f"is {kinds[0]}", rule, "inputs of one type from the Dataset")
        return found

    def _image(self, given: Any) -> Tensor:
        if self.image is None:
            raise ItemError("is a PIL image", "The first input is an array, and all must be alike.", "make them alike")
        if not (is_pillow(given) or isinstance(given, (np.ndarray, Tensor))):
            raise ItemError(f"is a {type(given).__name__}", "data.image_size is for images.", "data.image_size=null")
        if not self.resized:
            from PIL import ImageOps

            width, height = ImageOps.exif_transpose(given).size
            if (height, width) != self.image.size:
                raise self._shaped((self.image.channels, height, width))
        try:
            return torch.from_numpy(read_object(given, self.image))
        except Exception as error:  # decoders raise errors of all kinds
            wrong = as_image_error(error)
            file = getattr(given, "filename", "")  # of an image of Pillow that was opened from one
            raise ItemError(f"({file}) {wrong.fault}" if file else wrong.fault, wrong.why, wrong.fix) from error

    def _shaped(self, shape: tuple[int, ...]) -> ItemError:
        images = len(self.shape) == 3 and len(shape) == 3
        fix = "data.image_size=64 resizes images" if images else "pad or crop the inputs in the Dataset"
        return ItemError(f"has shape {shape}", f"The first input has {self.shape}, and all must have one shape.", fix)


def is_pillow(given: Any) -> bool:
    """Return whether an object is an image of Pillow."""
    from PIL.Image import Image

    return isinstance(given, Image)


def _as_tensor(given: Any) -> Tensor:
    """Return (C, H, W) for an image of bytes, and any other array as it is; uint8 or float32."""
    if isinstance(given, Tensor):
        found = given.detach().cpu()
    elif isinstance(given, (np.ndarray, np.generic, int, float, list)) and not isinstance(given, bool):
        found = _from_numpy(given)
    else:
        raise ItemError(f"is a {type(given).__name__}", _TAKES, "convert it in the Dataset, or by its transform")
    if found.is_complex() or found.is_quantized or found.is_sparse:
        kind = f"{found.layout} {found.dtype}".replace("torch.", "")
        raise ItemError(f"is of type {kind}", "Inputs are dense, and real numbers.", "convert it in the Dataset")
    if not found.numel():
        raise ItemError(f"is empty, of shape {tuple(found.shape)}", "An input holds at least one number.")
    if found.dtype == torch.uint8 and found.ndim == 2:
        found = found[None]  # greys
    if found.dtype != torch.uint8:
        found = found.float()
        if not found.isfinite().all():
            raise ItemError("holds inf or nan", "Inputs are finite (as float32).", "fill or drop such samples")
    return (found if found.ndim else found[None]).contiguous()


def _from_numpy(given: Any) -> Tensor:
    try:
        array = np.asarray(given)
        if array.dtype == np.uint16:  # of which torch has hardly more than the name
            array = array.astype(np.float32)
        if array.dtype == np.uint8 and array.ndim == 3 and array.shape[2] in _IMAGE_CHANNELS:
            array = array if array.shape[0] in _IMAGE_CHANNELS else array.transpose(2, 0, 1)
        return torch.from_numpy(np.array(array))  # a copy: a memory map may be read-only
    except (TypeError, ValueError) as error:
        held = f"array of {given.dtype}" if isinstance(given, np.ndarray) else type(given).__name__
        raise ItemError(f"is no array of numbers, but {held}", _TAKES, "convert it in the Dataset") from error


def channels_of(given: Any) -> int:
    """Return how many channels images like this one are to have, 3 or 1."""
    if is_pillow(given):
        return 1 if given.mode in _GREYS else 3
    shape = tuple(getattr(given, "shape", ()))
    planes = shape[0] if isinstance(given, Tensor) else shape[-1] if len(shape) == 3 else 1
    return 1 if len(shape) == 2 or (len(shape) == 3 and planes == 1) else 3
