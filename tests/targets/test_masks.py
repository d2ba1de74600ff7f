from __future__ import annotations

import pytest
import torch
from sklearn.metrics import accuracy_score, jaccard_score
from torch.nn import functional as F

from lossbook.data.schema import Schema
from lossbook.targets.masks import KIND, MaskIndex, MaskOneHot

SCHEMA = Schema("mask", (1, 4, 5), 10, classes=3)


@pytest.mark.parametrize("make", [MaskIndex, MaskOneHot])
def test_round_trip(make):
    target = torch.randint(3, (2, 4, 5))
    encoding = make(SCHEMA)
    planes = torch.stack([target == c for c in range(3)], dim=1).float()
    assert torch.equal(encoding.decide(planes), target)
    assert encoding.expected_shape(target) == planes.shape
    assert torch.equal(encoding.encode(target), target if make is MaskIndex else planes)


@pytest.mark.parametrize("ignore_index", [None, -100])
def test_metrics_against_scikit_learn(ignore_index):
    scores, target = torch.randn(3, 3, 4, 5), torch.randint(3, (3, 4, 5))
    if ignore_index is not None:
        target[0] = ignore_index
    kept = (target >= 0).flatten().numpy()
    decided, truth = scores.argmax(1).flatten().numpy()[kept], target.flatten().numpy()[kept]
    encoding, found = MaskIndex(SCHEMA, ignore_index), {}
    for name, measure in encoding.measures().items():
        measure.metric.update(*measure.view(scores, target))
        found[name] = float(measure.metric.compute())
    expected = {"iou": jaccard_score(truth, decided, average="macro"), "acc": accuracy_score(truth, decided)}
    assert found == pytest.approx(expected, abs=1e-6)


def test_one_hot_weighs_planes_not_columns():
    """pos_weight broadcasts from the last dimension, so that of masks is (C, 1, 1): torch takes (C,) for the width."""
    target, scores = torch.randint(3, (2, 4, 3)), torch.randn(2, 3, 4, 3)
    encoded, weight = MaskOneHot(SCHEMA).encode(target), torch.tensor([1.0, 2.0, 3.0])
    right = torch.stack(
        [
            F.binary_cross_entropy_with_logits(scores[:, c], encoded[:, c], pos_weight=weight[c : c + 1])
            for c in range(3)
        ]
    )
    got = F.binary_cross_entropy_with_logits(scores, encoded, pos_weight=weight[:, None, None])
    torch.testing.assert_close(got, right.mean())


@pytest.mark.parametrize("outside", [-100, 255])
def test_a_moved_mask_keeps_its_classes_and_other_labels(outside):
    mask = torch.tensor([[[0, 1, 200], [2, -100, 3]]])

    def shifted(planes):
        return torch.nn.functional.pad(planes, [1, 0])[..., :-1]

    moved = KIND.moved(mask, shifted, outside)
    assert moved.tolist() == [[[outside, 0, 1], [outside, 2, -100]]]
