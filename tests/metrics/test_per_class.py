"""Tables of classes against scikit-learn's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import (
    confusion_matrix,
    jaccard_score,
    multilabel_confusion_matrix,
    precision_recall_fscore_support,
)

from lossbook.metrics.per_class import class_rows, label_rows

NAMES = ("a", "b", "c", "d")


def test_classes() -> None:
    random = np.random.default_rng(0)
    true = random.integers(0, 3, 200)  # no sample of d
    told = np.where(random.random(200) < 0.6, true, random.integers(0, 4, 200))
    rows = class_rows(confusion_matrix(true, told, labels=range(4)), NAMES, pixels=True)
    expected = precision_recall_fscore_support(true, told, labels=range(4), zero_division=np.nan)
    for name, numbers in zip(("precision", "recall", "f1", "pixels"), expected, strict=True):
        np.testing.assert_allclose([row[name] for row in rows], numbers)
    np.testing.assert_allclose([row["iou"] for row in rows], jaccard_score(true, told, average=None))


def test_labels() -> None:
    random = np.random.default_rng(1)
    true, told = (random.random((50, 3)) < 0.4 for _ in range(2))
    rows = label_rows(multilabel_confusion_matrix(true, told), NAMES[:3])
    expected = precision_recall_fscore_support(true, told, average=None)
    for name, numbers in zip(("precision", "recall", "f1", "samples"), expected, strict=True):
        np.testing.assert_allclose([row[name] for row in rows], numbers)
    assert "iou" not in rows[0]


def test_nothing_has_no_share() -> None:
    (row,) = class_rows(np.zeros((1, 1), int), ("a",))
    assert row["samples"] == 0
    assert all(math.isnan(row[name]) for name in ("precision", "recall", "f1"))  # type: ignore[arg-type]


@pytest.mark.parametrize("pixels", [True, False])
def test_what_is_counted(pixels: bool) -> None:
    (row,) = class_rows(np.array([[3]]), ("a",), pixels)
    assert row["pixels" if pixels else "samples"] == 3
