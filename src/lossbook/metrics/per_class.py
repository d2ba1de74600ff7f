"""What a confusion matrix says of each class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Row = dict[str, "str | int | float"]


def class_rows(confusion: np.ndarray, names: Sequence[str], pixels: bool = False) -> list[Row]:
    """Return precision, recall and F1 of each class, or the intersection over union of each class of pixels.

    Args:
        confusion: (C, C), how often samples of class i are told to be of class j.
        names: of the classes.
        pixels: whether pixels are counted rather than samples.
    """
    hits, told, true = np.diagonal(confusion), confusion.sum(0), confusion.sum(1)
    return _rows(hits, told, true, names, pixels)


def label_rows(confusion: np.ndarray, names: Sequence[str]) -> list[Row]:
    """Return precision, recall and F1 of each label.

    Args:
        confusion: (L, 2, 2), of each label how often it is [absent, there] and told to be [absent, there].
        names: of the labels.
    """
    return _rows(confusion[:, 1, 1], confusion[:, :, 1].sum(1), confusion[:, 1].sum(1), names, False)


def _rows(hits: np.ndarray, told: np.ndarray, true: np.ndarray, names: Sequence[str], pixels: bool) -> list[Row]:
    return [
        {
            "class": name,
            "pixels" if pixels else "samples": int(positive),
            "precision": _share(hit, said),
            "recall": _share(hit, positive),
            "f1": _share(2 * hit, said + positive),
            **({"iou": _share(hit, said + positive - hit)} if pixels else {}),
        }
        for name, hit, said, positive in zip(names, hits.tolist(), told.tolist(), true.tolist(), strict=True)
    ]


def _share(part: int, whole: int) -> float:
    """A share; nan where there is nothing to have a share in."""
    return part / whole if whole else float("nan")
