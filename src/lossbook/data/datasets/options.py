"""How a user has the items of a Dataset read: the options that every source of such items takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lossbook.data.datasets.targets import TAKEN, ClassNames
from lossbook.data.images.format import ImageFormat
from lossbook.data.images.options import ImageOptions, NormaliseOption
from lossbook.data.source import Normalise
from lossbook.data.split import SplitPlan
from lossbook.data.split_options import split_plan
from lossbook.errors import nearest, refuse, typed


@dataclass(frozen=True)
class DatasetOptions:
    """The options of reading a Dataset, as a user writes them.

    Args:
        target: kind of the target.
        classes: their number, or their names in order of the indices; None: as the Dataset says, or as targets show.
        image_size: height and width that images are brought to, or one number for both; None: they keep theirs.
        channels: 3 for RGB, 1 for greys; None: as the first image has.
        resize: ``crop``, ``pad`` or ``squash``; see ``ImageFormat``.
        normalise: ``imagenet``, ``measured`` on the training part, ``none``, or mean and standard deviation of each
            channel, for images of values in [0, 1].
        fractions, folds, fold: of a random split; see ``SplitPlan``.
        seed: of the split and of the order of samples within the parts.
        num_workers: processes that look over the targets, where a Dataset does not hold them; or ``auto``.
        input_key, target_key: of items that are dicts.
    """

    target: str = "class"
    classes: int | Sequence[str] | None = None
    image_size: int | Sequence[int] | None = None
    channels: int | None = None
    resize: str = "crop"
    normalise: NormaliseOption = "none"
    fractions: Sequence[float] | None = None
    folds: int | None = None
    fold: int = 0
    seed: int = 0
    num_workers: int | str = 0
    input_key: str = "input"
    target_key: str = "target"

    def require_kind(self) -> None:
        """Check the kind of the target.

        Raises:
            UserError: it is unknown, or one that a Dataset cannot give.
        """
        if not isinstance(self.target, str) or self.target not in TAKEN:
            rule = f"Of a Dataset this may be {', '.join(TAKEN)}."
            near = nearest(str(self.target), TAKEN) or "class"
            raise refuse(f"data.target={typed(self.target)}", rule, f"data.target={near}")

    def image_format(self, channels: int) -> ImageFormat | None:
        """Return what images are brought to; None where they keep their size.

        Args:
            channels: of the first image, where the user does not say.

        Raises:
            UserError: an option is out of range, or has no effect.
        """
        if self.image_size is not None:
            return self._of_images(self.channels or channels).checked()
        if self.resize != "crop":
            rule = "Images keep their size, so it has no effect."
            raise refuse(f"data.resize={typed(self.resize)} data.image_size=null", rule, "data.image_size=64")
        return None

    def normalisation(self, shape: tuple[int, ...]) -> Normalise | None:
        """Return the mean and standard deviation of each channel that the options give; None for none of them.

        Args:
            shape: of an input.

        Raises:
            UserError: inputs are no images, or have other channels.
        """
        if self.normalise in (None, "none"):
            return None
        if len(shape) != 3 or shape[0] not in (1, 3):
            rule = f"It is for images of 1 or 3 channels; these inputs have shape {shape}."
            raise refuse(f"data.normalise={typed(self.normalise)}", rule, "data.normalise=none")
        options = self._of_images(shape[0])
        options.checked()
        return None if options.measured else options.normalisation()

    def _of_images(self, channels: int) -> ImageOptions:
        size = 64 if self.image_size is None else self.image_size
        return ImageOptions(image_size=size, channels=channels, resize=self.resize, normalise=self.normalise)

    def stated_classes(self) -> ClassNames | None:
        """Return the classes that the user states; None without."""
        given: Any = self.classes
        if given is None:
            return None
        if isinstance(given, int) and not isinstance(given, bool) and given > 0:
            return ClassNames.counted(given)
        named = isinstance(given, (list, tuple)) and given and len(set(map(str, given))) == len(given)
        if not named:
            rule = "This must be the number of classes, or a list of their names, in order of the indices."
            raise refuse(f"data.classes={typed(given)}", rule, "data.classes=10, or data.classes=[cat,dog]")
        return ClassNames.named([str(name) for name in given])

    def plan(self, given: bool) -> SplitPlan:
        """Return how a set is split where its parts are not given.

        Raises:
            UserError: an option is out of range, or has no effect.
        """
        return split_plan(given, self.fractions, self.folds, self.fold)
