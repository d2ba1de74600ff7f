"""A sample of weight 2 is one that is there twice, and one of weight 0 is not there."""

from __future__ import annotations

import functools

import pytest
import torch
from torch import tensor
from torch.nn import functional as F

from lossbook.errors import UserError
from lossbook.losses.criteria.function import FunctionCriterion
from lossbook.losses.sample_weights import require_weights, unreduced

WEIGHT = tensor([2, 0, 1, 3])
ROWS = torch.arange(4).repeat_interleave(WEIGHT)
CLASS = tensor([0, 2, 1, 1])
MASK = torch.randint(0, 3, (4, 5, 6), generator=torch.Generator().manual_seed(0))


def same_as_repeated(one, output, batch):
    """Whether loss, gradient and share in an epoch's mean are those of a batch with repeated samples."""
    output = output.clone().requires_grad_()
    got = one(output, {**batch, "input": output, "weight": WEIGHT.float()})
    repeated = {key: value[ROWS] for key, value in batch.items()}
    expected = one(output[ROWS], repeated)
    torch.testing.assert_close(got.loss, expected.loss)
    gradients = [torch.autograd.grad(step.loss, output)[0] for step in (got, expected)]
    torch.testing.assert_close(*gradients)
    torch.testing.assert_close(float(got.weight), float(expected.weight))


CLASSES = ["cross_entropy", "nll", "bce", "bce_logits", "mse", "l1", "smooth_l1", "multi_margin", "soft_margin"]
CLASSES += ["multilabel_soft_margin", "multilabel_margin", "kl_div", "dice"]


@pytest.mark.parametrize("reduction", ["mean", "none", "sum"])
@pytest.mark.parametrize("loss", CLASSES)
def test_of_classes(objective, loss, reduction):
    given = [f"loss={loss}"]
    if (loss, reduction) != ("kl_div", "mean"):  # which stays at batchmean
        given.append(f"loss.criterion.reduction={reduction}")
    same_as_repeated(objective("class", *given), torch.randn(4, 3), {"target": CLASS})


@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("more", [["loss.criterion.weight=[1,2,5]"], ["loss.criterion.label_smoothing=0.2"], []])
def test_of_weighted_classes_and_pixels(objective, more, reduction):
    one = ["loss=cross_entropy", f"loss.criterion.reduction={reduction}", *more]
    same_as_repeated(objective("class", *one), torch.randn(4, 3), {"target": CLASS})
    ignored = MASK.masked_fill(torch.rand(MASK.shape) < 0.3, -100)
    same_as_repeated(objective("mask", *one), torch.randn(4, 3, 5, 6), {"target": ignored})


@pytest.mark.parametrize("loss", ["bce", "bce_logits", "dice", "nll"])
def test_of_pixels(objective, loss):
    same_as_repeated(objective("mask", f"loss={loss}"), torch.randn(4, 3, 5, 6), {"target": MASK})


@pytest.mark.parametrize("loss", ["mse", "l1", "smooth_l1"])
def test_of_values(objective, loss):
    same_as_repeated(objective("value", f"loss={loss}"), torch.randn(4, 1), {"target": torch.randn(4, 1)})


def test_of_texts(objective):
    batch = {"target": torch.randint(0, 3, (4, 3)), "target_lengths": tensor([3, 1, 2, 0])}
    same_as_repeated(objective("text", "loss=ctc"), torch.randn(4, 9, 4), batch)


def test_of_given_pairs_and_triplets(objective):
    weight = WEIGHT.float()
    sides, same = (torch.randn(4, 8), torch.randn(4, 8)), tensor([1, 0, 1, 0])
    one = objective("pair", "loss=cosine_embedding", embedding_dim=8)
    got = one(sides, {"input": sides, "target": same, "weight": weight})
    expected = one(tuple(side[ROWS] for side in sides), {"target": same[ROWS]})
    torch.testing.assert_close(got.loss, expected.loss)
    three = tuple(torch.randn(4, 8) for _ in range(3))
    one = objective("triplet", "loss=triplet_margin", embedding_dim=8)
    got = one(three, {"weight": weight})
    torch.testing.assert_close(got.loss, one(tuple(side[ROWS] for side in three), {}).loss)


def test_a_batch_of_weight_0_counts_for_nothing(objective):
    output = torch.randn(4, 3, requires_grad=True)
    step = objective("class", "loss=cross_entropy")(output, {"target": CLASS, "weight": torch.zeros(4)})
    step.loss.backward()
    assert (step.loss.item(), step.weight.item()) == (0.0, 0.0)
    assert not output.grad.any()


def test_metrics_do_not_weigh(objective):
    target = tensor([[1, 0, 0, 1], [1, 1, 1, 1], [0, 0, 0, 0], [0, 1, 1, 0]])
    batch = {"target": target, "weight": WEIGHT.float()}
    step = objective("multilabel", "loss=multilabel_margin")(torch.randn(4, 4), batch)
    assert float(step.metrics["untaught"]) == 0.5
    assert step.count == 4


@pytest.mark.parametrize(
    ("kind", "given", "rule"),
    [
        ("class", ["loss=triplet_margin"], "one of several samples"),
        ("class", ["loss=cosine_embedding"], "one of several samples"),
        ("value", ["loss=margin_ranking"], "one of several samples"),
        ("class", ["loss=info_nce"], "one of several samples"),
    ],
)
def test_losses_of_several_samples_refuse_weights(objective, kind, given, rule):
    one = objective(kind, *given)
    output = torch.randn(4, one.output_size)
    scores = (output, output) if "loss=info_nce" in given else output
    target = torch.arange(4.0)[:, None] if kind == "value" else CLASS
    with pytest.raises(UserError, match=rule):
        one(scores, {"target": target, "weight": WEIGHT.float()})


def test_criteria_without_a_reduction_refuse_weights(objective):
    one = objective("class", "loss=cross_entropy")
    one.criterion = FunctionCriterion(functools.partial(lambda scores, target: (scores**2).mean()))
    with pytest.raises(UserError, match="no option 'reduction'"):
        one(torch.randn(4, 3), {"target": CLASS, "weight": WEIGHT.float()})

    class Whole(torch.nn.Module):
        reduction = "mean"

        def forward(self, scores, target):
            return (scores**2).mean()

    one.criterion = Whole()
    with pytest.raises(UserError, match=r"with reduction=none it gives shape \(\)"):
        one(torch.randn(4, 3), {"target": CLASS, "weight": WEIGHT.float()})


def test_the_reduction_is_as_it_was_afterwards():
    module = torch.nn.MSELoss()
    functions = [
        FunctionCriterion(functools.partial(F.mse_loss)),
        FunctionCriterion(functools.partial(F.mse_loss, reduction="sum")),
    ]
    for criterion, before in zip([module, *functions], ["mean", "mean", "sum"], strict=True):
        with unreduced(criterion):
            assert criterion(torch.ones(3), torch.zeros(3)).shape == (3,)
        assert criterion.reduction == before
        assert criterion(torch.ones(3), torch.zeros(3)).shape == ()


@pytest.mark.parametrize(
    ("weight", "said"),
    [
        (torch.ones(3), r"weights of shape \(3,\)"),
        (torch.ones(4, 1), r"weights of shape \(4, 1\)"),
        (tensor([1.0, -1.0, 1.0, -2.0]), r"sample 1: the weight is -1 \(and 1 more\)"),
        (tensor([1.0, 1.0, torch.nan, 1.0]), "sample 2: the weight is nan"),
        (torch.zeros(4), "weights of 0 alone"),
    ],
)
def test_weights_that_make_no_sense(weight, said):
    with pytest.raises(UserError, match=said):
        require_weights({"input": torch.zeros(4, 2), "weight": weight}, "the train part")
    require_weights({"input": torch.zeros(4, 2), "weight": torch.zeros(4)}, "batch 0 of the train part")
