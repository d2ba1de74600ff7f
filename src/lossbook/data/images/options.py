"""How a user has images read: the options that every source of image files takes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import TypeAlias

from lossbook.data.images.format import LUMA, RESIZES, ImageFormat, as_size
from lossbook.data.source import Normalise
from lossbook.errors import Problem, UserError, typed

NormaliseOption: TypeAlias = "str | Sequence[Sequence[float]] | None"
# statistics of ImageNet's training part: https://docs.pytorch.org/vision/stable/models.html
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
NORMALISE = ("imagenet", "measured", "none")
ON_BAD = ("fail", "skip")
LARGEST_OWN = 64  # pixels a side


@dataclass(frozen=True)
class ImageOptions:
    """The options of reading image files, as a user writes them.

    Args:
        image_size: height and width in pixels, or one number for both; None: those that all files share, where neither
            is above ``LARGEST_OWN``, otherwise ``LARGEST_OWN``.
        channels: 3 for RGB, 1 for greys.
        resize: ``crop``, ``pad`` or ``squash``; see ``ImageFormat``.
        normalise: ``imagenet``, ``measured`` on the training part, ``none``, or mean and standard deviation of each
            channel, for values in [0, 1].
        grey_bits: bits that 16-bit greys actually use, 8 to 16, such as 12 for 0 to 4095. None: 16, refused where all
            images would come out dark.
        on_bad: ``fail`` refuses files that cannot be read, ``skip`` leaves them out.
    """

    image_size: int | Sequence[int] | None = None
    channels: int = 3
    resize: str = "crop"
    normalise: NormaliseOption = "imagenet"
    grey_bits: int | None = None
    on_bad: str = "fail"

    @classmethod
    def of(cls, source: object) -> ImageOptions:
        """Return the options of a source, which has attributes of their names."""
        return cls(**{field.name: getattr(source, field.name) for field in fields(cls)})

    def checked(self) -> ImageFormat:
        """Return the format of images, with 16 bits for greys, and the largest own size where none is given.

        Raises:
            UserError: options are out of range; all of them.
        """
        problems = [*self._problems()]
        try:
            size = as_size(LARGEST_OWN if self.image_size is None else self.image_size)
        except UserError as error:
            problems = [*error.problems, *problems]
        if problems:
            raise UserError(*problems)
        return ImageFormat(self.channels, size, self.resize)

    def _problems(self) -> Iterator[Problem]:
        if type(self.channels) is not int or self.channels not in (1, 3):
            rule = "data.channels must be 3 (colours) or 1 (greys)."
            yield Problem(f"data.channels={typed(self.channels)}", rule, "data.channels=3")
        bits = self.grey_bits
        if bits is not None and (type(bits) is not int or not 8 <= bits <= 16):
            rule = "data.grey_bits must be a whole number from 8 to 16."
            yield Problem(f"data.grey_bits={typed(bits)}", rule, "data.grey_bits=12")
        for key, allowed in (("resize", RESIZES), ("on_bad", ON_BAD)):
            if getattr(self, key) not in allowed:
                rule = f"data.{key} must be {', '.join(allowed[:-1])} or {allowed[-1]}."
                yield Problem(f"data.{key}={typed(getattr(self, key))}", rule, f"data.{key}={allowed[0]}")
        if self.normalise is not None and self.normalise not in NORMALISE and self.channels in (1, 3):
            try:
                self._given_statistics()
            except (TypeError, ValueError):
                one = "0.5" if self.channels == 1 else "0.5,0.5,0.5"
                yield Problem(
                    f"data.normalise={typed(self.normalise)}",
                    f"It must be {', '.join(NORMALISE)}, or the mean and the standard deviation (> 0) of "
                    f"{'one channel' if self.channels == 1 else 'three channels'}.",
                    f"data.normalise=imagenet, or data.normalise=[[{one}],[{one}]]",
                )

    @property
    def measured(self) -> bool:
        """Whether the statistics of channels are to be measured on the training part."""
        return self.normalise == "measured"

    def normalisation(self) -> Normalise | None:
        """Return the mean and standard deviation of each channel that the options give; None for none of them."""
        if self.normalise in (None, "none"):
            return None
        if self.normalise == "imagenet":
            if self.channels == 3:
                return IMAGENET
            mean, scale = (sum(share * one for share, one in zip(LUMA, each, strict=True)) for each in IMAGENET)
            return (mean,), (scale,)
        return self._given_statistics()

    def _given_statistics(self) -> Normalise:
        mean, scale = (tuple(map(float, each)) for each in self.normalise)  # type: ignore[union-attr]
        if len(mean) != self.channels or len(scale) != self.channels or isinstance(self.normalise, str):
            raise ValueError
        if not all(map(math.isfinite, mean + scale)) or min(scale) <= 0:
            raise ValueError
        return mean, scale
