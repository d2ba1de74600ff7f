"""A dataset of images and masks, decoded when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from lossbook.data.images.decoding import unusable
from lossbook.data.images.files import ImageFiles
from lossbook.data.masks.decoding import class_mask, mask_values


class MaskedImages(Dataset[dict[str, Any]]):
    """Images as (channels, height, width) uint8, and masks as (height, width) int64.

    Args:
        images: the image files.
        masks: a mask file for each.
        classes: the value of each class in the masks.
    """

    def __init__(self, images: ImageFiles, masks: Sequence[Path], classes: Sequence[int]) -> None:
        self.images, self.masks, self.classes = images, list(masks), tuple(classes)

    def __len__(self) -> int:
        return len(self.images)

    @property
    def paths(self) -> Sequence[Path]:
        """Of the images."""
        return self.images.paths

    @property
    def digests(self) -> np.ndarray | None:
        """Digests of the images' contents, (N,) uint64."""
        return self.images.digests

    def __getitem__(self, index: int) -> dict[str, Any]:
        try:
            values = mask_values(self.masks[index])
        except Exception as error:  # decoders raise errors of all kinds
            raise unusable(self.masks[index], error) from error
        mask = torch.from_numpy(class_mask(values, self.classes, self.images.form))
        return {**self.images[index], "target": mask}

    def rows(self, chosen: np.ndarray) -> MaskedImages:
        """Return the dataset of some of the samples, in this order."""
        return MaskedImages(self.images.rows(chosen), [self.masks[row] for row in chosen], self.classes)
