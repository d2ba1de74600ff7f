"""What torch does in silence, trap by trap, and what becomes of it here: an error with a fix, or nothing at all."""

from __future__ import annotations

import math

import pytest
import torch
from torch import tensor
from torch.nn import functional as F

from lossbook.errors import UserError

TARGET = tensor([0, 2, 1, 1])


def test_negative_losses_of_probabilities(objective):
    probabilities = torch.randn(4, 3).softmax(1)
    assert F.nll_loss(probabilities, TARGET) < 0
    assert F.kl_div(probabilities, torch.eye(3)[TARGET], reduction="batchmean") < 0
    for loss in ("nll", "kl_div", "cross_entropy"):
        with pytest.raises(UserError, match="remove the softmax"):
            objective("class", f"loss={loss}")(probabilities, {"target": TARGET})


@pytest.mark.filterwarnings("ignore:Using a target size:UserWarning")
@pytest.mark.parametrize(
    ("loss", "function"),
    [("l1", F.l1_loss), ("mse", F.mse_loss), ("smooth_l1", F.smooth_l1_loss), ("poisson_nll", F.poisson_nll_loss)],
)
def test_a_column_against_a_row(objective, loss, function):
    column, row = torch.rand(5, 1), torch.rand(5).round()
    assert function(column, row, reduction="none").shape == (5, 5)
    bound = objective("count", f"loss={loss}")
    with pytest.raises(UserError, match=r"\(5,\)"):
        bound.check({"target": row}, "batch 0")
    with pytest.raises(UserError, match="broadcast"):
        bound(row, {"target": column.round()})
    with pytest.raises(AssertionError):
        bound(column, {"target": row})
    assert bound(column, {"target": row[:, None]}).loss.isfinite()


def test_pairs_never_meet_as_column_and_row(objective):
    column, row = torch.rand(5, 1), torch.rand(1, 5)
    assert F.margin_ranking_loss(column, row, torch.ones(5, 5), reduction="none").shape == (5, 5)
    assert F.hinge_embedding_loss(column, torch.ones(5), reduction="none").shape == (5, 5)
    for shape in [(5, 1), (5,)]:  # scores are flattened before they are paired
        step = objective("count", "loss=margin_ranking")(torch.rand(shape), {"target": torch.arange(5)[:, None]})
        assert step.weight == 10


def test_nan_where_all_targets_are_ignored(objective):
    ignored = torch.full((3,), -100)
    assert F.cross_entropy(torch.randn(3, 3), ignored).isnan()
    with pytest.raises(UserError, match="Fix"):
        objective("class", "loss=cross_entropy")(torch.randn(3, 3), {"target": ignored})


def test_the_weighted_mean_of_distributions_divides_by_samples(objective):
    logits, weight = torch.randn(4, 3), tensor([1.0, 2.0, 4.0])
    one_hot = torch.eye(3)[TARGET]
    assert not torch.allclose(F.cross_entropy(logits, TARGET, weight), F.cross_entropy(logits, one_hot, weight))
    overrides = ("loss=cross_entropy", "loss.criterion.weight=[1,2,4]")
    assert objective("class", *overrides)(logits, {"target": TARGET}).weight == 1 + 4 + 2 + 2
    assert objective("distribution", *overrides)(logits, {"target": one_hot}).weight == 4


@pytest.mark.parametrize("wrong", [2.0, -1.0, 0.3])
def test_binary_targets_out_of_range(objective, wrong):
    target = torch.tensor([[wrong, 1.0, 0, 0]])
    assert F.binary_cross_entropy_with_logits(torch.zeros(1, 4), target).isfinite()
    for loss in ("bce_logits", "bce", "soft_margin", "multilabel_soft_margin", "multilabel_margin", "mse"):
        with pytest.raises(UserError, match="holds"):
            objective("multilabel", f"loss={loss}").check({"target": target}, "batch 7")


def test_pos_weight_of_masks(objective):
    """torch takes (3,) for the three columns of pixels."""
    output, target = torch.randn(2, 3, 4, 3), torch.randint(3, (2, 4, 3))
    planes = torch.eye(3)[target].movedim(-1, 1)
    silent = F.binary_cross_entropy_with_logits(output, planes, pos_weight=tensor([1.0, 5.0, 9.0]))
    right = F.binary_cross_entropy_with_logits(output, planes, pos_weight=tensor([1.0, 5.0, 9.0])[:, None, None])
    step = objective("mask", "loss=bce_logits", "loss.criterion.pos_weight=[1,5,9]")(output, {"target": target})
    torch.testing.assert_close(step.loss, right)
    assert not torch.allclose(step.loss, silent)


@pytest.mark.parametrize("kind", ["class", "multilabel"])
def test_soft_margin_gives_negatives_a_gradient(objective, schema, kind):
    output = torch.zeros(1, 4, requires_grad=True)
    (silent,) = torch.autograd.grad(F.soft_margin_loss(output, tensor([[1.0, 0, 0, 0]])), output)
    assert (silent[0, 1:] == 0).all()
    target = tensor([0]) if kind == "class" else tensor([[1, 0, 0, 0]])
    step = objective(schema(kind, classes=4), "loss=soft_margin")(output, {"target": target})
    (gradient,) = torch.autograd.grad(step.loss, output)
    assert (gradient[0, 1:] > 0).all()


def test_soft_margin_of_large_wrong_scores_is_finite(objective, schema):
    output = tensor([[-1e4], [1e4]], requires_grad=True)
    step = objective(schema("class", classes=2), "loss=soft_margin")(output, {"target": tensor([1, 0])})
    step.loss.backward()
    assert step.loss.item() == 1e4
    assert output.grad.isfinite().all()


def test_a_0_1_vector_is_not_read_as_indices(objective):
    output, present = tensor([[0.1, 0.2, 0.4, 0.8]]), tensor([[1, 0, 0, 1]])
    silent = F.multilabel_margin_loss(output, present)  # label 1, and then the end
    step = objective("multilabel", "loss=multilabel_margin")(output, {"target": present})
    torch.testing.assert_close(step.loss, F.multilabel_margin_loss(output, tensor([[0, 3, -1, -1]])))
    assert not torch.allclose(step.loss, silent)


def test_signs_and_indices_do_not_reach_multilabel_soft_margin(objective):
    output, present = torch.randn(3, 4), torch.randint(2, (3, 4))
    right = F.multilabel_soft_margin_loss(output, present.float())
    assert not torch.allclose(right, F.multilabel_soft_margin_loss(output, present.float() * 2 - 1))
    torch.testing.assert_close(
        objective("multilabel", "loss=multilabel_soft_margin")(output, {"target": present}).loss, right
    )


@pytest.mark.parametrize("loss", ["cosine_embedding", "hinge_embedding", "info_nce"])
def test_a_sign_of_0_cannot_come(objective, loss):
    zeros = torch.zeros(2)
    assert F.cosine_embedding_loss(torch.eye(2), torch.eye(2).flip(0), zeros) == 0
    assert F.hinge_embedding_loss(tensor([0.5]), tensor([0.0])) == 1.0  # both terms
    bound = objective("pair", f"loss={loss}")
    with pytest.raises(UserError, match="holds -1"):
        bound.check({"target": tensor([1, -1])}, "batch 0")
    assert bound.encoding.encode(tensor([0, 1])).tolist() == [-1, 1]


def test_ties_have_no_gradient_and_take_no_part(objective):
    scores = torch.zeros(2, 1, requires_grad=True)
    (silent,) = torch.autograd.grad(F.margin_ranking_loss(scores[0], scores[1], tensor([0.0]), margin=1.0), scores)
    assert (silent == 0).all()
    assert objective("count", "loss=margin_ranking")(scores, {"target": tensor([[3], [3]])}).weight == 0


def test_a_distance_is_never_negative(objective):
    assert F.hinge_embedding_loss(tensor([-1e6]), tensor([1.0])) == -1e6
    embeddings = torch.randn(6, 4) * 100
    assert objective("class", "loss=hinge_embedding")(embeddings, {"target": torch.arange(6) % 2}).loss >= 0


def test_values_in_original_units_are_standardised(objective):
    """At a loss of 10,000 SGD diverges, or learns nothing."""
    target = tensor([[100.0], [120.0], [60.0]])
    assert F.mse_loss(torch.zeros(3, 1), target) > 9000
    assert objective("value", "loss=mse")(torch.zeros(3, 1), {"target": target}).loss.item() == pytest.approx(5 / 3)


def test_negative_rates_cannot_come(objective):
    output = tensor([[-3.0], [2.0]])
    target = tensor([[1], [4]])
    assert F.poisson_nll_loss(output, target.float(), log_input=False).isnan()
    overrides = ("loss=poisson_nll", "loss.criterion.log_input=false", "loss.activation=softplus")
    step = objective("count", *overrides)(output, {"target": target})
    expected = F.poisson_nll_loss(F.softplus(output) * 3 / math.log(2), target.float(), log_input=False)
    torch.testing.assert_close(step.loss, expected)
    assert step.loss.isfinite()


def test_the_loss_of_counts_may_rightly_be_negative(objective):
    output, target = tensor([[3.0]]), tensor([[20]])
    assert objective("count", "loss=poisson_nll")(output, {"target": target}).loss < 0


def test_ctc_labels_out_of_range_are_never_read(objective):
    for wrong in (3, -2, 99):  # torch reads foreign memory: not tried here
        with pytest.raises(UserError, match=f"holds {wrong}"):
            objective("text", "loss=ctc").check({"target": tensor([[wrong, 1]]), "target_lengths": tensor([2])}, "it")


def test_ctc_lengths_that_do_not_fit(objective):
    scores, target = torch.randn(1, 2, 4, requires_grad=True), tensor([[1, 1]])
    batch = {"target": target, "target_lengths": tensor([2])}
    silent = F.ctc_loss(scores.log_softmax(2).transpose(0, 1), target + 1, [2], [2])
    assert silent.isinf()
    assert torch.autograd.grad(silent, scores)[0].isnan().any()
    with pytest.raises(UserError, match="zero_infinity"):
        objective("text", "loss=ctc")(scores, batch)


def test_ctc_targets_hold_no_blank_and_no_fraction(objective):
    for blank in range(4):
        encoding = objective("text", "loss=ctc", f"loss.criterion.blank={blank}").encoding
        assert blank not in encoding.encode(tensor([[0, 1, 2]]))
    batch = {"target": tensor([[0.5, 1.0]]), "target_lengths": tensor([2])}
    with pytest.raises(UserError, match="float32"):
        objective("text", "loss=ctc").check(batch, "it")


def test_ctc_gets_time_before_samples_and_log_probabilities(objective):
    """torch takes (N, T, C) for (T, N, C) wherever the lengths allow it, and scores for log-probabilities."""
    scores, batch = torch.randn(5, 5, 4), {"target": torch.ones(5, 2).long() * tensor([0, 1])}
    batch["target_lengths"] = torch.full((5,), 2)
    logs, symbols, lengths = scores.log_softmax(2), batch["target"] + 1, torch.full((5,), 5)
    right = F.ctc_loss(logs.transpose(0, 1), symbols, lengths, batch["target_lengths"])
    for silent in (logs, scores.transpose(0, 1)):
        assert not torch.allclose(F.ctc_loss(silent, symbols, lengths, batch["target_lengths"]), right)
    torch.testing.assert_close(objective("text", "loss=ctc")(scores, batch).loss, right)


def test_lists_from_a_config_become_tensors(objective):
    with pytest.raises(TypeError):
        torch.nn.CrossEntropyLoss(weight=[1.0, 2.0, 4.0])
    bound = objective("class", "loss=cross_entropy", "loss.criterion.weight=[1,2,4]")
    assert bound.criterion.weight.tolist() == [1, 2, 4]


def test_metrics_never_get_scores_that_are_squashed_by_chance():
    """torchmetrics applies a sigmoid only where some value of that batch lies outside [0, 1]."""
    from torchmetrics.functional.classification import multilabel_exact_match

    from lossbook.data.schema import Schema
    from lossbook.targets.multilabel import MultiHot

    scores, target = tensor([[0.2, 0.4]]), tensor([[1, 1]])
    assert multilabel_exact_match(scores, target, num_labels=2) == 0
    assert multilabel_exact_match(scores * 10, target, num_labels=2) == 1
    for factor in (1, 10):
        measure = MultiHot(Schema("multilabel", (1,), 1, classes=2)).measures()["acc"]
        measure.metric.update(*measure.view(scores * factor, target))
        assert measure.metric.compute() == 1
