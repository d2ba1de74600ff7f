from __future__ import annotations

import math

import pytest
import torch
from torch import tensor
from torch.nn import functional as F

from lossbook.errors import UserError

TARGET = tensor([0, 2, 1, 1])


def test_activations(objective):
    output = torch.randn(4, 3)
    got = {loss: objective("class", f"loss={loss}").activate(output) for loss in ("nll", "bce", "mse", "kl_div")}
    expected = {"nll": output.log_softmax(1), "bce": output.sigmoid(), "mse": output, "kl_div": output.log_softmax(1)}
    torch.testing.assert_close(got, expected)
    rates = objective("count", "loss=poisson_nll", "loss.criterion.log_input=false", "loss.activation=softplus")
    torch.testing.assert_close(rates.activate(output), F.softplus(output) * 3 / math.log(2))  # 3: the mean count


def test_sequences_are_activated_over_symbols_and_planes_over_classes(objective):
    sequence, planes = torch.randn(2, 5, 4), torch.randn(2, 3, 4, 4)
    torch.testing.assert_close(objective("text", "loss=ctc").activate(sequence), sequence.log_softmax(2))
    torch.testing.assert_close(objective("mask", "loss=nll").activate(planes), planes.log_softmax(1))


def test_metrics_get_what_the_criterion_got_without_its_gradient(objective):
    output = torch.randn(4, 3, requires_grad=True)
    step = objective("class", "loss=nll")(output, {"target": TARGET})
    torch.testing.assert_close(step.scores, output.log_softmax(1))
    assert not step.scores.requires_grad
    assert step.loss.requires_grad
    assert step.target is TARGET


SINGLE = ["cross_entropy", "nll", "bce", "bce_logits", "mse", "l1", "smooth_l1", "multi_margin", "soft_margin"]
SINGLE += ["multilabel_soft_margin", "multilabel_margin", "kl_div"]


@pytest.mark.parametrize("loss", SINGLE)
def test_reduction_none_trains_on_the_mean(objective, loss):
    output = torch.randn(4, 3, requires_grad=True)
    mean = objective("class", f"loss={loss}")(output, {"target": TARGET})
    none = objective("class", f"loss={loss}", "loss.criterion.reduction=none")(output, {"target": TARGET})
    torch.testing.assert_close(none.loss, mean.loss)
    gradients = [torch.autograd.grad(step.loss, output)[0] for step in (mean, none)]
    torch.testing.assert_close(*gradients)
    assert none.losses.shape[0] == 4
    assert not none.losses.requires_grad
    assert mean.losses is None


def test_a_sum_is_one_metric_a_batch(objective):
    step = objective("class", "loss=mse", "loss.criterion.reduction=sum")(torch.randn(4, 3), {"target": TARGET})
    assert step.weight == 1


@pytest.mark.parametrize(
    ("loss", "kind"), [("cross_entropy", "class"), ("nll", "class"), ("kl_div", "class"), ("nll", "mask")]
)
def test_probabilities_as_scores_are_refused(objective, loss, kind):
    output, target = torch.randn(4, 3), TARGET
    if kind == "mask":
        output, target = torch.randn(2, 3, 4, 4), torch.randint(3, (2, 4, 4))
    with pytest.raises(UserError, match="remove the softmax"):
        objective(kind, f"loss={loss}")(output.softmax(1), {"target": target})
    objective(kind, f"loss={loss}")(output.log_softmax(1), {"target": target})  # its softmax is what it was


@pytest.mark.parametrize("loss", ["multi_margin", "mse", "bce_logits", "soft_margin"])
def test_where_no_softmax_follows_they_are_welcome(objective, loss):
    objective("class", f"loss={loss}")(torch.randn(4, 3).softmax(1), {"target": TARGET})


@pytest.mark.parametrize("loss", ["cross_entropy", "nll"])
@pytest.mark.parametrize("reduction", ["mean", "none", "sum"])
def test_a_batch_of_ignored_targets_is_refused(objective, loss, reduction):
    bound = objective("class", f"loss={loss}", f"loss.criterion.reduction={reduction}")
    with pytest.raises(UserError, match="Every target of a batch is ignored"):
        bound(torch.randn(3, 3), {"target": torch.full((3,), -100)})


def test_and_one_of_classes_without_weight(objective):
    bound = objective("class", "loss=cross_entropy", "loss.criterion.weight=[0,1,1]")
    with pytest.raises(UserError, match="weight 0"):
        bound(torch.randn(3, 3), {"target": torch.zeros(3, dtype=torch.int64)})


@pytest.mark.parametrize("loss", ["cross_entropy", "nll"])
@pytest.mark.parametrize("reduction", ["mean", "none", "sum"])
def test_where_there_are_more_to_a_step_such_a_batch_counts_as_nothing(objective, loss, reduction):
    bound = objective("class", f"loss={loss}", f"loss.criterion.reduction={reduction}", "loss.criterion.weight=[0,1,1]")
    bound.passes_over_ignored = True
    output = torch.randn(3, 3, requires_grad=True)
    step = bound(output, {"target": torch.zeros(3, dtype=torch.int64)})
    step.loss.backward()
    assert float(step.loss.detach()) == 0
    assert not output.grad.any()
    assert float(step.weight if reduction != "sum" else step.count) == 0
    assert str(bound.none_counted()).startswith("Every target")


def test_check_knows_the_ignored_index(objective):
    objective("class", "loss=cross_entropy").check({"target": tensor([0, -100])}, "it")
    objective("class", "loss=nll", "loss.criterion.ignore_index=7").check({"target": tensor([0, 7])}, "it")
    for loss in ("multi_margin", "mse", "kl_div"):  # torch's own have no such index
        with pytest.raises(UserError, match="-100"):
            objective("class", f"loss={loss}").check({"target": tensor([0, -100])}, "it")


def test_predictions_are_in_the_datas_terms(objective):
    bound = objective("value", "loss=mse")
    assert bound.encoding.decide(bound.activate(tensor([[0.0], [1.5]]))).tolist() == [[100], [130]]


@pytest.mark.parametrize("dtype", [torch.int32, torch.int16, torch.uint8])
@pytest.mark.parametrize("loss", ["cross_entropy", "bce", "kl_div", "multi_margin", "multilabel_margin"])
def test_class_targets_of_any_whole_type(objective, loss, dtype):
    bound, output = objective("class", f"loss={loss}"), torch.randn(4, 3)
    step = bound(output, {"target": TARGET.to(dtype)})
    assert torch.equal(step.loss, bound(output, {"target": TARGET}).loss)
    assert step.target.dtype == torch.int64  # bytes overflow in the counts of a metric, and index as a mask


def test_mask_targets_of_bytes(objective):
    output, target = torch.randn(2, 3, 4, 4), torch.randint(3, (2, 4, 4))
    for loss in ("cross_entropy", "bce_logits"):
        bound = objective("mask", f"loss={loss}")
        assert torch.equal(bound(output, {"target": target.byte()}).loss, bound(output, {"target": target}).loss)


LOW = [
    ("cross_entropy loss.criterion.weight=[1,2,4]", "class", TARGET, (4, 3)),
    ("bce", "class", TARGET, (4, 3)),
    ("multi_margin", "class", TARGET, (4, 3)),
    ("kl_div", "class", TARGET, (4, 3)),
    ("cosine_embedding", "class", TARGET, (4, 8)),
    ("triplet_margin", "class", TARGET, (4, 8)),
    ("multilabel_margin", "multilabel", torch.tensor([[0, 1, 1, 0], [1, 0, 0, 0]]), (2, 4)),
    ("mse", "value", torch.tensor([[90.0], [130.0]]), (2, 1)),
    ("info_nce loss.criterion.learnable=true", "none", None, (4, 8)),
]


@pytest.mark.parametrize(("loss", "kind", "target", "shape"), LOW, ids=lambda v: v if type(v) is str else "")
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64, "autocast"])
def test_the_loss_of_low_precision_is_that_of_its_numbers_in_float32(objective, loss, kind, target, shape, dtype):
    """bf16-true casts modules and makes bfloat16 the default; several losses have no kernel of that type."""
    bound = objective(kind, *f"loss={loss}".split())
    low = torch.float32 if dtype == "autocast" else dtype
    output = torch.randn(shape).bfloat16().to(low)
    outputs = (output, output.flip(1)) if kind == "none" else output
    batch = {} if target is None else {"target": target}
    plain = tuple(o.float() for o in outputs) if kind == "none" else output.float()
    expected = bound(plain, batch).loss.detach()
    if dtype == "autocast":
        with torch.autocast("cpu", torch.bfloat16):
            found = bound(outputs, batch).loss
    else:
        bound.to(low)
        torch.set_default_dtype(low)
        try:
            found = bound(outputs, batch).loss
        finally:
            torch.set_default_dtype(torch.float32)
    torch.testing.assert_close(found.float(), expected.float(), rtol=1e-6, atol=1e-6)


def test_what_checkpoints_may_watch(objective):
    assert list(objective("value", "loss=mse").directions()) == ["r2", "mae", "rmse", "loss"]
    assert list(objective("none", "loss=info_nce").directions()) == ["top1", "loss"]
    embedding = objective("class", "loss=triplet_margin").directions()
    assert list(embedding) == ["recall_at_1", "map_at_r", "pair_acc", "auroc", "loss"]
    assert list(objective("text", "loss=ctc").directions()) == ["acc", "cer", "wer", "loss"]


MIXED = {"mix_partner": tensor([1, 0, 3, 2]), "mix_share": tensor([0.9, 0.3, 0.5, 1.0])}


def test_a_mixed_loss_is_that_of_both_targets_by_their_shares(objective):
    output = torch.randn(4, 3, requires_grad=True)
    step = objective("class", "loss=cross_entropy")(output, {"target": TARGET, **MIXED})
    share, other = MIXED["mix_share"][:, None], F.one_hot(TARGET[MIXED["mix_partner"]], 3)
    soft = share * F.one_hot(TARGET, 3) + (1 - share) * other
    torch.testing.assert_close(step.loss, F.cross_entropy(output, soft))
    assert float(step.weight) == 4
    assert step.scores.shape == (4, 3)
    assert step.target.tolist() == [0, 0, 1, 1]  # of the larger share


@pytest.mark.parametrize("loss", ["mse", "bce_logits", "kl_div"])
def test_a_mixed_loss_has_the_gradient_of_a_mixed_target(objective, loss):
    one = objective("class", f"loss={loss}")
    output = torch.randn(4, 3, requires_grad=True)
    step = one(output, {"target": TARGET, **MIXED})
    both = [one.encoding.encode(target) for target in (TARGET, TARGET[MIXED["mix_partner"]])]
    soft = torch.lerp(both[1], both[0], MIXED["mix_share"][:, None])
    expected = one.criterion(one.activate(output), soft)
    gradients = [torch.autograd.grad(loss, output)[0] for loss in (step.loss, expected)]
    torch.testing.assert_close(*gradients)


def test_mixed_values_are_linear_and_sample_weights_are_mixed_as_well(objective):
    one, values, output = objective("value", "loss=l1"), torch.randn(4, 1), torch.randn(4, 1)
    share, partner = MIXED["mix_share"][:, None], MIXED["mix_partner"]
    mixed = share * values + (1 - share) * values[partner]
    torch.testing.assert_close(one(output, {"target": values, **MIXED}).loss, one(output, {"target": mixed}).loss)
    weight = tensor([1.0, 2.0, 0.0, 0.0])
    output = torch.randn(4, 3)
    step = objective("class", "loss=cross_entropy")(output, {"target": TARGET, "weight": weight, **MIXED})
    losses = [F.cross_entropy(output, target, reduction="none") for target in (TARGET, TARGET[partner])]
    expected = 0.9 * losses[0][0] + 2 * 0.1 * losses[1][0] + 2 * 0.3 * losses[0][1] + 0.7 * losses[1][1]
    torch.testing.assert_close(step.loss, expected / (0.9 + 0.2 + 0.6 + 0.7))
