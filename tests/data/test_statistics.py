from __future__ import annotations

import numpy as np
import torch

from lossbook.data.schema import Schema
from lossbook.data.statistics import describe, mean_and_scale


def test_class_counts_name_classes_that_do_not_occur() -> None:
    train = {"input": torch.zeros(3, 1), "target": torch.tensor([0, 2, 2])}
    assert describe(Schema("class", (1,), 0, classes=4), train).class_counts == (1, 0, 2, 0)


def test_mask_counts_are_of_pixels_and_label_counts_of_samples() -> None:
    mask = {"input": torch.zeros(1, 1, 2, 2), "target": torch.tensor([[[0, 1], [1, 1]]])}
    assert describe(Schema("mask", (1, 2, 2), 0, classes=2), mask).class_counts == (1, 3)
    labels = {"input": torch.zeros(2, 1), "target": torch.tensor([[1.0, 0.0], [1.0, 1.0]])}
    assert describe(Schema("multilabel", (1,), 0, classes=2), labels).class_counts == (2, 1)


def test_values_have_a_population_scale_and_a_constant_column_scale_1() -> None:
    mean, scale = mean_and_scale(np.array([[0.0, 0.1], [4.0, 0.1]]))
    np.testing.assert_allclose(mean, [2, 0.1])
    np.testing.assert_allclose(scale, [2, 1])


def test_data_without_targets_have_only_a_size() -> None:
    schema = describe(Schema("triplet", (1,), 0), {"input": (torch.zeros(5, 1),) * 3})
    assert (schema.samples, schema.class_counts, schema.mean) == (5, (), ())
