from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

from lossbook.metrics.precision import MeanAveragePrecision


def found(scores: np.ndarray, target: np.ndarray) -> float:
    metric = MeanAveragePrecision()
    for rows in (slice(0, 7), slice(7, None)):
        metric.update(torch.from_numpy(scores[rows]), torch.from_numpy(target[rows]))
    return float(metric.compute())


@pytest.mark.parametrize("digits", [1, 8])  # with ties, and without
def test_against_scikit_learn(digits: int) -> None:
    random = np.random.default_rng(0)
    scores, target = random.random((40, 5)).round(digits), random.integers(0, 2, (40, 5))
    assert found(scores, target) == pytest.approx(average_precision_score(target, scores, average="macro"))


def test_labels_that_no_sample_bears_are_left_out_without_a_warning() -> None:
    random = np.random.default_rng(0)
    scores, target = random.random((20, 4)), random.integers(0, 2, (20, 4))
    target[:, 2] = 0
    borne = [0, 1, 3]
    assert found(scores, target) == pytest.approx(average_precision_score(target[:, borne], scores[:, borne]))
    assert np.isnan(found(scores, target * 0))
