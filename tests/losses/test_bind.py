from __future__ import annotations

import pytest
import torch
from torch import nn, tensor
from torch.nn import functional as F

from lossbook.data.schema import Schema
from lossbook.errors import UserError
from lossbook.losses.bind import EMBEDDING_DIM, bind
from lossbook.losses.reading import read

FOCAL = {
    "criterion": {"_target_": "torchvision.ops.sigmoid_focal_loss", "alpha": 0.5, "gamma": 1.0, "reduction": "mean"},
    "accepts": {"class": "one_hot", "multilabel": "one_hot"},
}


def test_the_criterion_is_what_the_config_says(objective):
    criterion = objective("class", "loss=cross_entropy", "loss.criterion.label_smoothing=0.1").criterion
    assert isinstance(criterion, nn.CrossEntropyLoss)
    assert criterion.label_smoothing == 0.1


def test_weights_move_with_the_objective(objective):
    bound = objective("class", "loss=cross_entropy", "loss.criterion.weight=[1,2,3]")
    assert [buffer.tolist() for buffer in bound.buffers()] == [[1, 2, 3]]


def test_learnable_parts_are_submodules(objective):
    bound = objective("class", "loss=info_nce", "loss.criterion.learnable=true")
    assert [name for name, _ in bound.named_parameters()] == ["criterion.log_scale"]


def test_any_function_of_input_and_target_is_a_criterion(schema):
    from torchvision.ops import sigmoid_focal_loss

    bound = bind(read("focal", FOCAL), schema("multilabel"))
    output, target = torch.randn(5, 4), torch.randint(2, (5, 4))
    step = bound(output, {"target": target})
    expected = sigmoid_focal_loss(output, target.float(), alpha=0.5, gamma=1.0, reduction="mean")
    torch.testing.assert_close(step.loss, expected)
    assert step.weight == 5  # over samples unless it says otherwise


def test_a_function_without_a_place_for_input_and_target_is_no_criterion(schema):
    contract = read("os", {"criterion": {"_target_": "os.system", "reduction": "mean"}, "accepts": {"class": "index"}})
    with pytest.raises(UserError, match=r"os\.system\n  A criterion is a function of \(input, target\)"):
        bind(contract, schema("class"))


def test_a_function_that_does_not_reduce_is_averaged(schema):
    node = {**FOCAL, "criterion": {"_target_": "torchvision.ops.sigmoid_focal_loss"}, "mean_over": "elements"}
    step = bind(read("focal", node), schema("multilabel"))(torch.randn(5, 4), {"target": torch.ones(5, 4)})
    assert step.losses.shape == (5, 4)
    torch.testing.assert_close(step.loss, step.losses.mean())


class Summed(nn.Module):
    def __init__(self, reduction: str = "sum") -> None:
        super().__init__()
        self.reduction = reduction

    def forward(self, input: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return F.mse_loss(input, target, reduction=self.reduction)


def test_a_reduction_that_is_not_given_is_the_criterions_own(schema):
    node = {"criterion": {"_target_": f"{__name__}.Summed"}, "accepts": {"multilabel": "one_hot"}}
    assert bind(read("mine", node), schema("multilabel")).reduction == "sum"
    assert bind(read("focal", FOCAL), schema("multilabel")).reduction == "mean"


@pytest.mark.parametrize("given", [None, 7])
def test_width_of_an_embedding(objective, given):
    bound = objective("class", "loss=triplet_margin", embedding_dim=given)
    assert bound.output_size == (given or EMBEDDING_DIM)


@pytest.mark.parametrize(
    ("loss", "kind", "size"),
    [
        ("cross_entropy", "class", 3),
        ("bce_logits", "multilabel", 4),
        ("ctc", "text", 4),
        ("margin_ranking", "value", 1),
        ("cross_entropy", "mask", 3),
    ],
)
def test_width_of_the_output(objective, loss, kind, size):
    assert objective(kind, f"loss={loss}").output_size == size


def test_two_classes_take_one_output(objective, schema):
    two = schema("class", classes=2)
    sizes = {
        loss: objective(two, f"loss={loss}").output_size for loss in ("bce", "soft_margin", "cross_entropy", "mse")
    }
    assert sizes == {"bce": 1, "soft_margin": 1, "cross_entropy": 2, "mse": 2}


def test_mining_uses_the_criterions_own_margin(objective):
    bound = objective("class", "loss=triplet_margin", "loss.criterion.margin=0.3", "loss.criterion.p=1.0")
    assert (bound.inputs.margin, bound.inputs.p) == (0.3, 1.0)
    embeddings, labels = torch.randn(8, 3), tensor([0, 0, 1, 1, 2, 2, 0, 1])
    bound = objective("class", "loss=triplet_margin", "loss.criterion.margin=0.3", "loss.pairing.mine=all")
    step = bound(embeddings, {"target": labels})
    d = torch.cdist(embeddings, embeddings)
    violating = (labels[:, None] == labels).fill_diagonal_(False)[:, :, None] & (labels[:, None] != labels)[:, None]
    violating &= d[:, :, None] + 0.3 > d[:, None]
    expected = F.triplet_margin_loss(*(embeddings[i] for i in violating.nonzero(as_tuple=True)), margin=0.3)
    torch.testing.assert_close(step.loss, expected)


REFUSED = [
    ("value", {"accepts": {"class": "one_hot"}}, "targets of the kind 'value'", "accepts class"),
    ("class", {"accepts": {"class": "onehot"}}, "loss.accepts.class=onehot", "'one_hot'?"),
    (
        "class",
        {"accepts": {"class": {"name": "smoothed", "smooth": 1}}},
        "loss.accepts.class.smooth=1",
        "loss.accepts.class.smoothing=1",
    ),
    (
        "class",
        {"accepts": {"class": {"name": "embedding", "distance": "manhattan"}}, "inputs": "triplets"},
        "loss.accepts.class.distance=manhattan",
        "euclidean, cosine",
    ),
    ("class", {"criterion": {"_target_": "torch.nn.MSELos"}}, "torch.nn.MSELos", "torch.nn.MSELoss"),
    ("class", {"criterion": {"_target_": "torch.nn.MSELoss", "p": 1}}, "loss.criterion.p", "no argument 'p'"),
]


@pytest.mark.parametrize(("kind", "change", "given", "said"), REFUSED)
def test_refusals(schema, kind, change, given, said):
    with pytest.raises(UserError) as caught:
        bind(read("mine", {**FOCAL, **change}), schema(kind))
    assert given in str(caught.value)
    assert said in str(caught.value)


def test_two_mistakes_are_said_at_once(objective):
    with pytest.raises(UserError) as caught:
        objective("multilabel", "loss=bce_logits", "loss.criterion.weight=[1]", "loss.criterion.pos_weight=[1]")
    assert len(caught.value.problems) == 2


def test_a_training_part_of_one_sample_has_no_contrast(schema, contract):
    from dataclasses import replace

    with pytest.raises(UserError, match="two samples"):
        bind(contract("loss=info_nce"), replace(schema("none"), samples=1))


def test_what_the_criterion_says_is_not_said_twice(objective, schema):
    def kl(**options):
        criterion = {"_target_": "torch.nn.KLDivLoss", "log_target": True, "reduction": "batchmean"}
        accepts = {"class": {"name": "smoothed", "smoothing": 0.2, **options}}
        return bind(
            read("kl", {"criterion": criterion, "accepts": accepts, "activation": "log_softmax"}), schema("class")
        )

    output, target = torch.randn(5, 3), tensor([0, 2, 1, 1, 0])
    smoothed = F.one_hot(target, 3) * 0.8 + 0.2 / 3
    expected = F.kl_div(output.log_softmax(1), smoothed, reduction="batchmean")
    torch.testing.assert_close(kl()(output, {"target": target}).loss, expected)
    with pytest.raises(UserError, match=r"loss.accepts.class.log_target=False with loss.criterion.log_target=True"):
        kl(log_target=False)
    assert objective("class", "loss=nll", "loss.criterion.ignore_index=7").encoding.ignore_index == 7
    assert objective("text", "loss=ctc", "loss.criterion.blank=3").encoding.blank == 3
    rates = objective("count", "loss=poisson_nll", "loss.criterion.log_input=false", "loss.activation=softplus")
    assert torch.equal(rates.encoding.decide(tensor([2.0])), tensor([2.0]))


def test_values_without_a_mean_are_not_standardised(objective, schema):
    with pytest.raises(UserError, match=r"0 values of 'mean'.*\n.*1 here.*\n.*loss.accepts.value=plain"):
        objective(schema("value", mean=(), scale=()), "loss=mse")


def test_a_function_may_be_given_as_hydra_writes_it() -> None:
    node = {"_target_": "torch.nn.functional.cross_entropy", "_partial_": True, "label_smoothing": 0.1}
    contract = read("mine", {"criterion": node, "accepts": {"class": "index"}})
    objective = bind(contract, Schema("class", (4,), 8, classes=3))
    scores, target = torch.randn(5, 3), torch.tensor([0, 1, 2, 1, 0])
    wanted = torch.nn.functional.cross_entropy(scores, target, label_smoothing=0.1)
    assert torch.equal(objective.criterion(scores, target), wanted)


@pytest.mark.parametrize("kind", ["class", "multilabel"])
def test_an_option_that_an_encoding_does_not_have_is_refused_whatever_the_data(schema, kind):
    contract = read("focal", {**FOCAL, "accepts": {**FOCAL["accepts"], kind: {"name": "one_hot", "odd": 1}}})
    with pytest.raises(UserError, match=rf"loss\.accepts\.{kind}\.odd=1\n  The encoding one_hot has (.*, )?threshold"):
        bind(contract, schema("multilabel"))
