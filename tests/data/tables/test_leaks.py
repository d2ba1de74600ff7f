from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from lossbook.data.tables.columns import Cells
from lossbook.data.tables.leaks import leak

RANDOM = np.random.default_rng(0)
NOISE = RANDOM.normal(size=600)
CLASSES = RANDOM.integers(0, 3, 600)
ROWS = np.arange(600)


def of(values: np.ndarray, y: np.ndarray, targets: tuple[str, ...] = ("y",)) -> str | None:
    none = np.zeros(len(values), bool)
    number = values.dtype.kind in "if"
    cells = Cells(values.astype(float)[:, None], None, none) if number else Cells(None, pl.Series(values), none)
    return leak("copy", cells, ROWS, targets, y)


@pytest.mark.parametrize(
    "copy",
    [
        CLASSES,
        10 - 3 * CLASSES,
        np.array([7.0, 1.0, 4.0])[CLASSES],
        CLASSES + 3 * (NOISE > 0),
        np.array(["no", "yes", "?"])[CLASSES],
    ],
)
def test_a_feature_that_determines_the_class_is_said(copy: np.ndarray) -> None:
    assert "'copy' determines the target 'y'" in str(of(copy, CLASSES))


def test_a_threshold_and_a_nearly_perfect_copy_are_said() -> None:
    assert "by a threshold" in str(of(CLASSES + RANDOM.random(600) / 2, CLASSES))
    almost = np.where(ROWS < 4, (CLASSES + 1) % 3, CLASSES)
    assert "nearly determines" in str(of(almost, CLASSES))


def test_features_that_leave_the_class_open_are_not() -> None:
    assert of(NOISE, CLASSES) is None
    assert of(np.where(ROWS < 60, (CLASSES + 1) % 3, CLASSES), CLASSES) is None
    assert of(np.array(["a", "b"])[RANDOM.integers(0, 2, 600)], CLASSES) is None
    assert of(RANDOM.integers(0, 2, 600), (ROWS < 3).astype(int)) is None  # a rare class: any guess is nearly right


@pytest.mark.parametrize("copy", [32 - 1.8 * NOISE, np.exp(NOISE), NOISE + 1e-3 * RANDOM.normal(size=600)])
def test_a_value_in_another_unit_is_said(copy: np.ndarray) -> None:
    y = np.stack([RANDOM.normal(size=600), NOISE], 1)
    assert "determines the target 'celsius'" in str(of(copy, y, ("other", "celsius")))


def test_a_category_that_fixes_a_value_is_said() -> None:
    prices = np.array([1.0, 5.0, 9.0])[CLASSES]
    assert "determines" in str(of(np.array(list("abc"))[CLASSES], prices[:, None]))
    assert of(np.array(list("abc"))[CLASSES], (prices + NOISE)[:, None]) is None
    assert of(NOISE + RANDOM.normal(size=600), NOISE[:, None]) is None
