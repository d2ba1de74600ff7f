from __future__ import annotations

import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import tensor
from torch.nn import functional as F

from lossbook.metrics import retrieval
from lossbook.metrics.retrieval import Retrieval, Verification, pairwise_distances


def by_definition(queries, labels, gallery, gallery_labels, distance, own):
    """Recall at 1 and MAP@R, a query at a time (Musgrave et al. 2020, section 3.2)."""
    hits, precisions = [], []
    for i, (query, label) in enumerate(zip(queries, labels, strict=True)):
        if distance == "cosine":
            distances = 1 - F.cosine_similarity(query[None], gallery)
        else:
            distances = (query - gallery).norm(dim=1)
        order = [j for j in distances.argsort().tolist() if not (own and j == i)]
        same = [bool(gallery_labels[j] == label) for j in order]
        r = sum(same)
        hits.append(float(same[0]))
        precisions.append(sum(sum(same[: k + 1]) / (k + 1) for k in range(r) if same[k]) / r if r else 0.0)
    return {"recall_at_1": sum(hits) / len(hits), "map_at_r": sum(precisions) / len(precisions)}


def drawn(n, classes, seed):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(classes, (n,), generator=generator)
    return torch.randn(n, 6, generator=generator) + labels[:, None] * 0.5, labels


@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("classes", [1, 4, 30])
@pytest.mark.parametrize("block", [7, 512])
def test_against_the_definition(monkeypatch, distance, own, classes, block):
    monkeypatch.setattr(retrieval, "_BLOCK", block)
    queries, labels = drawn(40, classes, 0)
    gallery, gallery_labels = (queries, labels) if own else drawn(60, classes, 1)
    metric = Retrieval(distance)
    metric.update(queries[:11], labels[:11])
    metric.update(queries[11:], labels[11:])
    metric.gallery = None if own else (gallery, gallery_labels)
    found = {name: float(value) for name, value in metric.compute().items()}
    assert found == pytest.approx(by_definition(queries, labels, gallery, gallery_labels, distance, own), abs=1e-6)


def test_a_class_that_the_gallery_lacks():
    metric = Retrieval()
    metric.update(torch.eye(3), tensor([0, 1, 9]))
    metric.gallery = (torch.eye(3)[:2], tensor([0, 1]))
    assert {name: float(value) for name, value in metric.compute().items()} == pytest.approx(
        {"recall_at_1": 2 / 3, "map_at_r": 2 / 3}
    )


def test_one_sample_without_a_gallery_has_no_neighbour():
    metric = Retrieval()
    metric.update(torch.eye(3)[:1], tensor([1]))
    assert all(value.isnan() for value in metric.compute().values())


def test_reset_forgets_the_gallery():
    metric = Retrieval()
    metric.gallery = (torch.eye(2), tensor([0, 1]))
    metric.reset()
    assert metric.gallery is None


@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
def test_distances(distance):
    first, second = torch.randn(30, 5), torch.randn(40, 5)
    expected = torch.stack(
        [
            (a - second).norm(dim=1) if distance == "euclidean" else 1 - F.cosine_similarity(a[None], second)
            for a in first
        ]
    )
    torch.testing.assert_close(pairwise_distances(first, second, distance), expected, rtol=1e-4, atol=1e-5)


def test_distances_far_from_the_origin():
    """A matrix product of rows far from zero loses the digits of small distances."""
    first = torch.randn(40, 5, generator=torch.Generator().manual_seed(0)) + 1000
    expected = torch.cdist(first.double(), first.double(), compute_mode="donot_use_mm_for_euclid_dist").float()
    torch.testing.assert_close(pairwise_distances(first, first, "euclidean"), expected, rtol=1e-3, atol=5e-3)


@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
def test_verification_over_each_sample_and_the_16_that_follow(distance):
    x, labels = drawn(50, 3, 2)
    metric = Verification(distance)
    metric.update(x[:20], labels[:20])
    metric.update(x[20:], labels[20:])
    found = metric.compute()
    pairs = [(i, j) for i in range(50) for j in range(i + 1, min(i + 17, 50))]
    same = tensor([bool(labels[i] == labels[j]) for i, j in pairs])
    if distance == "cosine":
        x = F.normalize(x, dim=1)
    distances = torch.stack([(x[i] - x[j]).norm() for i, j in pairs])
    assert float(found["auroc"]) == pytest.approx(roc_auc_score(same, -distances), abs=1e-5)
    told = distances < metric.threshold
    balanced = (told[same].float().mean() + (~told[~same]).float().mean()) / 2
    assert float(found["pair_acc"]) == pytest.approx(float(balanced), abs=1e-4)


@pytest.mark.parametrize("n", [1, 3])
def test_verification_without_both_kinds_of_pairs(n):
    metric = Verification()
    metric.update(torch.randn(n, 4), torch.zeros(n, dtype=torch.int64))
    assert all(value.isnan() for value in metric.compute().values())
