"""Mining against loops that follow the definitions."""

from __future__ import annotations

import functools
import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import tensor

from lossbook.errors import UserError
from lossbook.losses.contract import MINING
from lossbook.losses.inputs.mining import all_pairs, forms_triplets, triplets


@st.composite
def batches(draw):
    """Distances of random points, and labels: of many classes, of one, of one sample, without positives."""
    labels = tensor(draw(st.lists(st.integers(0, 3), min_size=1, max_size=9)))
    points = torch.rand(len(labels), 2, generator=torch.Generator().manual_seed(draw(st.integers(0, 10**6))))
    return torch.cdist(points, points), labels


def expected(distances, labels, mine, margin, swap):
    d, y, n = distances.tolist(), labels.tolist(), len(labels)
    found = []

    def away(a, p, k):
        return min(d[a][k], d[p][k]) if swap else d[a][k]

    for a in range(n):
        positives = [p for p in range(n) if y[p] == y[a] and p != a]
        negatives = [k for k in range(n) if y[k] != y[a]]
        if not positives or not negatives:
            continue
        if mine == "all":
            pairs = itertools.product(positives, negatives)
            found += [(a, p, k) for p, k in pairs if distances[a, p] + margin > tensor(away(a, p, k))]
        elif mine == "hard":
            p = max(positives, key=lambda i: d[a][i])
            found.append((a, p, min(negatives, key=functools.partial(away, a, p))))
        else:
            for p in positives:
                measure = functools.partial(away, a, p)
                farther = [k for k in negatives if measure(k) > d[a][p]]
                chosen = min(farther, key=measure) if farther else max(negatives, key=measure)
                found.append((a, p, chosen))
    return found


@given(batches(), st.sampled_from(MINING), st.sampled_from([0.01, 0.3, 2.0]), st.booleans())
def test_triplets(batch, mine, margin, swap):
    distances, labels = batch
    found = triplets(distances, labels, mine, margin, swap)
    assert sorted(zip(*(indices.tolist() for indices in found), strict=True)) == sorted(
        expected(distances, labels, mine, margin, swap)
    )


@pytest.mark.parametrize("mine", MINING)
@pytest.mark.parametrize("labels", [[0], [1, 1, 1], [0, 1, 2]], ids=["one sample", "one class", "no positives"])
def test_nothing_to_choose(mine, labels):
    distances = torch.rand(len(labels), len(labels))
    assert [len(indices) for indices in triplets(distances, tensor(labels), mine, 1.0)] == [0, 0, 0]


@given(st.integers(1, 12))
def test_all_pairs(n):
    first, second = all_pairs(torch.zeros(n))
    found = list(zip(first.tolist(), second.tolist(), strict=True))
    assert found == list(itertools.combinations(range(n), 2))


def test_all_triplets_of_1300_digits_are_refused():
    labels = torch.arange(1300) % 10
    with pytest.raises(UserError, match=r"196,248,000 triplets|triplets") as caught:
        triplets(torch.rand(1300, 1300), labels, "all", 1.0)
    assert "loss.pairing.mine=hard" in str(caught.value)
    assert len(triplets(torch.rand(1300, 1300), labels, "hard", 1.0)[0]) == 1300


def test_too_many_pairs_are_refused():
    with pytest.raises(UserError, match="4,498,500 pairs"):
        all_pairs(torch.zeros(3000))


@pytest.mark.parametrize(
    ("labels", "forms"),
    [([], False), ([0], False), ([0, 1, 2], False), ([1, 1, 1], False), ([0, 1, 0], True), ([2, 2, 5], True)],
)
def test_whether_there_is_a_triplet_at_all(labels: list[int], forms: bool) -> None:
    assert forms_triplets(torch.tensor(labels, dtype=torch.int64)) is forms
