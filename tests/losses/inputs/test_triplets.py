from __future__ import annotations

import pytest
import torch
from torch import tensor
from torch.nn import functional as F

from lossbook.errors import UserError
from lossbook.losses.inputs.mining import triplets

LABELS = tensor([0, 0, 1, 2, 1, 2])


@pytest.mark.parametrize("mine", ["all", "hard", "semi_hard"])
def test_mined(objective, mine):
    embeddings = torch.randn(6, 4, requires_grad=True)
    overrides = ("loss=triplet_margin", f"loss.pairing.mine={mine}", "loss.criterion.margin=0.5")
    step = objective("class", *overrides)(embeddings, {"target": LABELS})
    chosen = triplets(torch.cdist(embeddings, embeddings), LABELS, mine, 0.5)
    expected = F.triplet_margin_loss(*(embeddings[i] for i in chosen), margin=0.5)
    torch.testing.assert_close(step.loss, expected)
    assert step.weight == len(chosen[0])
    step.loss.backward()
    assert embeddings.grad.isfinite().all()


def test_a_collapsed_embedding_is_told_from_a_hard_batch(objective):
    """Its loss equals the margin, like that of many a good one; its spread is 0."""
    step = objective("class", "loss=triplet_margin")(torch.ones(6, 4), {"target": LABELS})
    assert float(step.loss) == pytest.approx(1.0, abs=1e-4)
    assert float(step.metrics["spread"]) == 0
    assert float(step.metrics["active"]) == 1


def test_satisfied_triplets_do_not_dilute_the_mean(objective):
    """Of all triplets, only those that violate the margin count."""
    embeddings = tensor([[0.0], [0.5], [10.0], [0.9]])
    labels = tensor([0, 0, 1, 1])
    step = objective("class", "loss=triplet_margin", "loss.pairing.mine=all")(embeddings, {"target": labels})
    d = torch.cdist(embeddings, embeddings)
    losses = [
        float(d[a, p] - d[a, n] + 1)
        for a in range(4)
        for p in range(4)
        for n in range(4)
        if labels[a] == labels[p] and a != p and labels[a] != labels[n]
    ]
    violating = [loss for loss in losses if loss > 0]
    assert len(violating) < len(losses)
    assert step.weight == len(violating)
    assert float(step.loss) == pytest.approx(sum(violating) / len(violating), rel=1e-5)


def test_a_batch_of_one_class_teaches_nothing_and_does_no_harm(objective):
    embeddings = torch.randn(4, 3, requires_grad=True)
    step = objective("class", "loss=triplet_margin")(embeddings, {"target": torch.zeros(4, dtype=torch.int64)})
    step.loss.backward()
    assert (step.loss.item(), step.weight, step.metrics) == (0, 0, {})
    assert (embeddings.grad == 0).all()


def test_given(objective):
    anchor, positive, negative = torch.randn(3, 5, 4).unbind()
    step = objective("triplet", "loss=triplet_margin", "loss.criterion.swap=true")((anchor, positive, negative), {})
    torch.testing.assert_close(step.loss, F.triplet_margin_loss(anchor, positive, negative, swap=True))
    assert step.weight == 5
    torch.testing.assert_close(step.scores[:, 1], (anchor - negative).norm(dim=1))


def test_embeddings_of_length_one(objective):
    embeddings = torch.randn(6, 4)
    bound = objective("class", "loss=triplet_margin", "loss.activation=normalise")
    torch.testing.assert_close(bound.activate(embeddings).norm(dim=1), torch.ones(6))
    assert float(bound(embeddings, {"target": LABELS}).loss) == pytest.approx(
        float(bound(embeddings * 7, {"target": LABELS}).loss)
    )


def test_with_swap_every_triplet_that_has_a_loss_is_mined(objective):
    embeddings, labels = torch.randn(12, 2), torch.arange(12) % 3
    overrides = ("loss=triplet_margin", "loss.pairing.mine=all", "loss.criterion.swap=true")
    step = objective("class", *overrides)(embeddings, {"target": labels})
    same = labels[:, None] == labels
    a, p, n = (same.clone().fill_diagonal_(False)[:, :, None] & ~same[:, None]).nonzero(as_tuple=True)
    losses = F.triplet_margin_loss(embeddings[a], embeddings[p], embeddings[n], swap=True, reduction="none")
    assert step.weight == int((losses > 0).sum())
    torch.testing.assert_close(step.loss, losses[losses > 0].mean())
    assert float(step.metrics["active"]) == 1


def test_small_distances_far_from_the_origin_are_mined_rightly(objective):
    points = torch.randn(40, 3, dtype=torch.float64) / 100
    far = (points + 1000).float()  # matrix products of squares of 1e6 leave nothing of 1e-4
    labels = torch.arange(40) % 4
    exact = (far.double()[:, None] - far.double()).norm(dim=2)
    step = objective("class", "loss=triplet_margin", "loss.criterion.margin=0.01", "loss.pairing.mine=hard")(
        far, {"target": labels}
    )
    a, p, n = triplets(exact, labels, "hard", 0.01)
    assert torch.equal(step.scores, far)
    torch.testing.assert_close(step.loss, F.triplet_margin_loss(far[a], far[p], far[n], margin=0.01), rtol=1e-3, atol=0)


def test_an_epoch_without_a_triplet_is_an_error_unless_the_margin_holds_for_all(objective):
    bound = objective("class", "loss=triplet_margin", "loss.pairing.mine=all")
    bound(torch.randn(3, 2), {"target": tensor([0, 1, 2])})
    assert "two samples of one class and one of another" in str(bound.none_counted())
    assert bound(tensor([[0.0], [0.0], [9.0]]), {"target": tensor([0, 0, 1])}).weight == 0
    assert bound.none_counted() is None


def test_training_targets_that_form_none_are_refused_and_given_triplets_have_none(objective):
    with pytest.raises(UserError, match="No batch of the training part"):
        objective("class", "loss=triplet_margin").require_inputs(tensor([0, 1, 2]))
    objective("class", "loss=triplet_margin").require_inputs(LABELS)
