from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import tensor
from torch.nn import functional as F

from lossbook.losses.criteria.info_nce import MODES, InfoNCELoss

Q = torch.randn(7, 5, generator=torch.Generator().manual_seed(1)).double()
K = torch.randn(7, 5, generator=torch.Generator().manual_seed(2)).double()
LABELS = tensor([0, 1, 0, 2, 1, 1, 3])
COMBINATIONS = list(itertools.product(MODES, [True, False], [None, LABELS], [None, 1, 3, 7]))


def by_definition(query, key, mode, temperature=0.5, labels=None, normalize=True):
    """-log of the share of each partner among all candidates, a sample at a time, (N,)."""
    n = len(query)
    if normalize:
        query, key = query / query.norm(dim=1, keepdim=True), key / key.norm(dim=1, keepdim=True)
    classes = list(range(n)) if labels is None else labels.tolist()

    def find(vector, number, itself, candidates, owners):
        likeness = [torch.exp(torch.dot(vector, c) / temperature) for c in candidates]
        others = [j for j in range(len(candidates)) if j != itself]
        total = sum(likeness[j] for j in others)
        return torch.stack(
            [-torch.log(likeness[j] / total) for j in others if classes[owners[j]] == classes[number]]
        ).mean()

    rows = range(n)
    if mode == "both_views":
        everything, owners = [*query, *key], [*rows, *rows]
        losses = [
            (find(query[i], i, i, everything, owners) + find(key[i], i, n + i, everything, owners)) / 2 for i in rows
        ]
    else:
        losses = [find(query[i], i, None, list(key), list(rows)) for i in rows]
        if mode == "symmetric":
            back = [find(key[i], i, None, list(query), list(rows)) for i in rows]
            losses = [(one + other) / 2 for one, other in zip(losses, back, strict=True)]
    return torch.stack(losses)


@pytest.mark.parametrize(("mode", "normalize", "labels", "block"), COMBINATIONS)
def test_equals_the_definition_with_its_gradient(mode, normalize, labels, block):
    query, key = Q.clone().requires_grad_(), K.clone().requires_grad_()
    criterion = InfoNCELoss(0.5, mode=mode, normalize=normalize, block_size=block, reduction="none").double()
    losses = criterion(query, key, labels)
    expected = by_definition(query, key, mode, 0.5, labels, normalize)
    torch.testing.assert_close(losses, expected, rtol=1e-6, atol=1e-6)  # the temperature is kept in float32
    weights = torch.linspace(0.5, 2, 7).double()
    got = torch.autograd.grad((losses * weights).sum(), (query, key))
    torch.testing.assert_close(got, torch.autograd.grad((expected * weights).sum(), (query, key)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("block", [None, 2])
def test_gradient_in_float64(mode, block):
    criterion = InfoNCELoss(0.5, mode=mode, block_size=block).double()
    torch.autograd.gradcheck(criterion, (Q[:4].clone().requires_grad_(), K[:4].clone().requires_grad_()))


def test_one_way_is_cross_entropy():
    got = InfoNCELoss(1.0, mode="one_way", normalize=False)(Q.float(), K.float())
    torch.testing.assert_close(got, F.cross_entropy(Q.float() @ K.float().T, torch.arange(7)))


def test_a_sample_is_not_its_own_negative():
    """Without the mask, the similarity of 1 with itself would be the largest of the row."""
    q = F.normalize(Q, dim=1)
    everything = torch.cat([q, q])
    unmasked = F.cross_entropy(everything @ everything.T / 0.1, torch.arange(14).roll(7))
    masked = InfoNCELoss(0.1, mode="both_views")(q, q)
    assert unmasked > masked + 0.5
    similarity = (everything @ everything.T / 0.1).fill_diagonal_(-torch.inf)
    torch.testing.assert_close(masked, F.cross_entropy(similarity, torch.arange(14).roll(7)), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("mode", MODES)
def test_reductions(mode):
    losses, mean, total = (InfoNCELoss(mode=mode, reduction=r)(Q, K) for r in ("none", "mean", "sum"))
    assert losses.shape == (7,)
    torch.testing.assert_close(losses.mean(), mean)
    torch.testing.assert_close(losses.sum(), total)


@pytest.mark.parametrize("mode", MODES)
def test_labels_that_are_all_different_change_nothing(mode):
    criterion = InfoNCELoss(mode=mode)
    torch.testing.assert_close(criterion(Q, K, torch.randperm(7)), criterion(Q, K))


@pytest.mark.parametrize("mode", MODES)
def test_chance_level(mode):
    criterion = InfoNCELoss(mode=mode)
    loss = criterion(torch.ones(8, 3), torch.ones(8, 3))
    assert loss.item() == pytest.approx(math.log(15 if mode == "both_views" else 8), abs=1e-5)
    assert criterion.candidates(8) == (15 if mode == "both_views" else 8)


def test_no_overflow_at_the_lowest_temperature():
    query = (Q * 1e4).float().requires_grad_()
    loss = InfoNCELoss(0.01)(query, -query)
    loss.backward()
    assert loss.isfinite()
    assert query.grad.isfinite().all()


def test_a_fixed_temperature_is_no_parameter():
    criterion = InfoNCELoss(0.2)
    assert list(criterion.parameters()) == []
    assert criterion.temperature.item() == pytest.approx(0.2)


@pytest.mark.parametrize(("pull", "bound"), [(1.0, 0.01), (-1.0, 1.0)], ids=["colder", "warmer"])
@pytest.mark.parametrize("block", [None, 2])
def test_a_learnable_temperature_is_trained_within_its_bounds(pull, bound, block):
    """With perfect pairs it falls (until their loss is 0 in float32), with opposite ones it rises."""
    criterion = InfoNCELoss(0.2, learnable=True, block_size=block)
    optimizer = torch.optim.Adam(criterion.parameters(), lr=0.2)
    query = torch.eye(6)
    seen = []
    for _ in range(80):
        optimizer.zero_grad()
        criterion(query, pull * query).backward()
        optimizer.step()
        seen.append(criterion.temperature.item())
    assert seen[-1] == pytest.approx(bound, rel=1e-5) if pull < 0 else 0.01 <= seen[-1] < 0.05
    assert all(0.01 - 1e-6 <= t <= 1 + 1e-6 for t in seen)


@pytest.mark.parametrize("start", [1.0, 0.01])
def test_a_learnable_temperature_comes_back_from_its_bounds(start):
    criterion = InfoNCELoss(start, learnable=True)
    with torch.no_grad():
        criterion.log_scale += -0.5 if start == 1 else 0.5  # a step of the optimizer beyond the bound
    assert criterion.temperature.item() == pytest.approx(start, rel=1e-5)
    query = torch.randn(6, 4)
    criterion(query, query if start == 1 else torch.randn(6, 4)).backward()
    assert criterion.log_scale.grad != 0
    assert criterion.log_scale.item() == pytest.approx(-math.log(start), abs=1e-5)


def test_gradient_of_the_temperature():
    for block in (None, 3):
        criterion = InfoNCELoss(0.5, learnable=True, block_size=block).double()
        criterion(Q, K).backward()
        step = 1e-4
        at = [by_definition(Q, K, "symmetric", 0.5 * math.exp(d)).mean() for d in (-step, step)]
        assert criterion.log_scale.grad.item() == pytest.approx(float(at[0] - at[1]) / (2 * step), rel=1e-4)


@pytest.mark.parametrize("mode", MODES)
def test_top1(mode):
    q, k = F.normalize(Q, dim=1), F.normalize(K, dim=1)
    hits = 0
    for i in range(7):
        rivals = {("k", j): float(q[i] @ k[j]) for j in range(7)}
        if mode == "both_views":
            rivals |= {("q", j): float(q[i] @ q[j]) for j in range(7) if j != i}
        hits += max(rivals, key=rivals.__getitem__) == ("k", i)
    assert InfoNCELoss(mode=mode).top1(Q, K).item() == pytest.approx(hits / 7)
    assert InfoNCELoss(mode=mode).top1(Q, 2 * Q) == 1
