from __future__ import annotations

import numpy as np
import pytest

from lossbook.data.csv_suspicions import row_numbers, suspicions

RANDOM = np.random.default_rng(0)
NOISE = RANDOM.normal(size=60)
CLASSES = RANDOM.integers(0, 3, 60)


@pytest.mark.parametrize(
    "copy", [CLASSES, 10 - 3 * CLASSES, np.array([7.0, 1.0, 4.0])[CLASSES], CLASSES + 3 * (NOISE > 0)]
)
def test_a_feature_that_determines_the_class_is_said(copy: np.ndarray) -> None:
    (note,) = suspicions(["noise", "copy"], np.stack([NOISE, copy], 1), ["y"], CLASSES)
    assert "'copy' determines the target 'y'" in note


def test_features_that_leave_the_class_open_are_not() -> None:
    almost = np.where(np.arange(60) == 59, 9 - CLASSES, CLASSES)
    almost[59] = (CLASSES[59] + 1) % 3
    assert list(suspicions(["a", "b"], np.stack([NOISE, almost], 1), ["y"], CLASSES)) == []


def test_a_value_in_another_unit_is_said() -> None:
    y = np.stack([RANDOM.normal(size=60), NOISE], 1)
    train = np.stack([32 - 1.8 * NOISE, NOISE + 1e-3 * y[:, 0]], 1)
    (note,) = suspicions(["fahrenheit", "close"], train, ["other", "celsius"], y)
    assert "'fahrenheit' determines the target 'celsius'" in note


def test_constant_features_are_said() -> None:
    (note,) = suspicions(["a", "b", "c"], np.stack([NOISE, np.ones(60), np.zeros(60)], 1), ["y"], CLASSES)
    assert note.endswith(": b, c")


def test_numbers_given_to_rows_are_said() -> None:
    shuffled = RANDOM.permutation(60)
    columns = np.stack([shuffled, 500 + 2 * shuffled, 500 + 2 * shuffled, CLASSES, NOISE], 1)
    notes = list(row_numbers(["a", "patient_id", "area", "id", "row"], columns))
    assert len(notes) == 2
    assert "'a' holds a different whole number in each row, like shuffled row numbers" in notes[0]
    assert "'patient_id' holds a different whole number in each row, like an identifier" in notes[1]
