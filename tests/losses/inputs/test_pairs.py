from __future__ import annotations

import itertools

import pytest
import torch
from torch import tensor
from torch.nn import functional as F

from lossbook.errors import UserError

LABELS = tensor([0, 0, 1, 2, 1])


@pytest.fixture
def embeddings():
    return torch.randn(5, 4, requires_grad=True)


@pytest.mark.parametrize("loss", ["cosine_embedding", "hinge_embedding"])
def test_all_pairs_of_the_batch(objective, embeddings, loss):
    step = objective("class", f"loss={loss}")(embeddings, {"target": LABELS})
    losses = []
    for i, j in itertools.combinations(range(5), 2):
        same = LABELS[i] == LABELS[j]
        if loss == "cosine_embedding":
            cosine = F.cosine_similarity(embeddings[i], embeddings[j], dim=0)
            losses.append(1 - cosine if same else cosine.clamp_min(0))
        else:
            distance = (embeddings[i] - embeddings[j]).norm()
            losses.append(distance if same else (1 - distance).clamp_min(0))
    torch.testing.assert_close(step.loss, torch.stack(losses).mean(), rtol=1e-4, atol=1e-5)
    assert step.weight == 10
    assert torch.equal(step.scores, embeddings)
    assert not step.scores.requires_grad


@pytest.mark.parametrize("mine", ["hard", "semi_hard"])
def test_mined_pairs_are_the_sides_of_triplets(objective, embeddings, mine):
    bound = objective("class", "loss=cosine_embedding", f"loss.pairing.mine={mine}")
    step = bound(embeddings, {"target": LABELS})
    assert step.weight == 2 * 4  # four anchors have a positive, one each


def test_equal_embeddings_have_a_finite_gradient(objective):
    embeddings = torch.zeros(3, 2, requires_grad=True)
    # a hand-written square root has not
    (gradient,) = torch.autograd.grad(((embeddings[0] - embeddings[1]) ** 2).sum().sqrt(), embeddings)
    assert gradient.isnan().any()
    step = objective("class", "loss=hinge_embedding")(embeddings, {"target": tensor([0, 0, 1])})
    step.loss.backward()
    assert embeddings.grad.isfinite().all()


@pytest.mark.parametrize(("loss", "distance"), [("hinge_embedding", "euclidean"), ("cosine_embedding", "cosine")])
def test_given_pairs(objective, loss, distance):
    first, second, same = torch.randn(6, 3), torch.randn(6, 3), tensor([1, 0, 1, 1, 0, 0])
    step = objective("pair", f"loss={loss}")((first, second), {"target": same})
    assert step.weight == 6
    assert torch.equal(step.target, same)
    if distance == "cosine":
        cosine = F.cosine_similarity(first, second)
        expected = torch.where(same > 0, 1 - cosine, cosine.clamp_min(0)).mean()
        assert torch.equal(step.scores.argsort(), (-cosine).argsort())
    else:
        between = (first - second).norm(dim=1)
        expected = torch.where(same > 0, between, (1 - between).clamp_min(0)).mean()
        torch.testing.assert_close(step.scores, between)
    torch.testing.assert_close(step.loss, expected, rtol=1e-4, atol=1e-5)


def test_ranked_pairs_leave_ties_out(objective):
    scores, values = tensor([[0.5], [0.1], [2.0], [0.3]]), tensor([[3], [3], [1], [2]])
    step = objective("count", "loss=margin_ranking")(scores, {"target": values})
    losses = [
        max(0.0, 1 - float(torch.sign(values[i] - values[j]) * (scores[i] - scores[j])))
        for i, j in itertools.combinations(range(4), 2)
        if values[i] != values[j]
    ]
    assert step.weight == len(losses) == 5
    assert float(step.loss) == pytest.approx(sum(losses) / 5)


@pytest.mark.parametrize("batch", [tensor([[2]]), tensor([[2], [2], [2]])], ids=["one sample", "ties alone"])
def test_without_a_pair_nothing_is_learnt(objective, batch):
    scores = torch.randn(len(batch), 1, requires_grad=True)
    step = objective("count", "loss=margin_ranking")(scores, {"target": batch})
    step.loss.backward()
    assert (step.loss.item(), step.weight) == (0, 0)
    assert (scores.grad == 0).all()


def test_too_many_ranked_pairs_are_not_told_to_mine(objective):
    with pytest.raises(UserError, match="4,498,500 pairs") as caught:
        objective("count", "loss=margin_ranking")(torch.zeros(3000, 1), {"target": torch.zeros(3000, 1)})
    assert "Fix: data.batch_size=256" in str(caught.value)
    assert "mine" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "loss", "fine", "wrong"),
    [
        ("class", "cosine_embedding", LABELS, tensor([3, 3, 3])),
        ("class", "hinge_embedding", LABELS, tensor([0, 1, 2])),
        ("value", "margin_ranking", tensor([[1.0], [2.0]]), tensor([[1.0], [1.0]])),
    ],
)
def test_training_targets_without_both_kinds_of_pairs_are_refused(objective, kind, loss, fine, wrong):
    bound = objective(kind, f"loss={loss}")
    bound.require_inputs(fine)
    with pytest.raises(UserError, match=r"No batch of the training part(?s:.*)data\.limit=null"):
        bound.require_inputs(wrong)
    assert bound.none_counted() is not None


def test_pairs_that_the_data_gives_are_pairs_whatever_their_targets(objective):
    objective("pair", "loss=hinge_embedding").require_inputs(tensor([1, 1, 1]))
