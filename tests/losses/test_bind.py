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


class Centres(nn.Module):
    def __init__(self, num_classes: int, embedding_size: int, scale: float = 1.0) -> None:
        super().__init__()
        self.centres, self.scale = nn.Parameter(torch.zeros(num_classes, embedding_size)), scale

    def forward(self, embeddings: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return self.scale * F.mse_loss(embeddings, self.centres[labels])


class Scaled(Centres):
    def __init__(self, *args: int, scale: float = 2.0, **kwargs: int) -> None:
        super().__init__(*args, scale=scale, **kwargs)


class Named(Scaled):
    """Has no constructor of its own."""


class Closed(Centres):
    def __init__(self, classes: int) -> None:
        super().__init__(classes, 64)


TOLD = [("Centres", {}), ("Scaled", {}), ("Named", {}), ("Closed", {}), ("Scaled", {"num_classes": 3})]


@pytest.mark.parametrize(("name", "given"), TOLD)
def test_a_criterion_is_told_the_numbers_of_the_data_through_its_bases(schema, name, given):
    node = {
        "criterion": {"_target_": f"{__name__}.{name}", **given},
        "accepts": {"class": "embedding"},
        "inputs": "embeddings",
    }
    bound = bind(read("mine", node), schema("class"))
    assert bound.criterion.centres.shape == (3, 64)
    assert bound.criterion.scale == (2 if name in ("Scaled", "Named") else 1)
    bound(torch.randn(5, 64), {"target": tensor([0, 1, 2, 0, 1])}).loss.backward()
    assert bound.criterion.centres.grad is not None


class Ten(Centres):
    """Tells its base the number of classes."""

    def __init__(self, embedding_size: int, **kwargs: float) -> None:
        super().__init__(10, embedding_size, **kwargs)


class Renamed(Ten):
    """Has another name for the width of its base."""

    def __init__(self, embedding_dim: int, **kwargs: float) -> None:
        super().__init__(embedding_size=embedding_dim, **kwargs)


@pytest.mark.parametrize("name", ["Ten", "Renamed"])
def test_what_a_criterion_tells_its_base_itself_stays(schema, name):
    node = {"criterion": {"_target_": f"{__name__}.{name}"}, "accepts": {"class": "embedding"}, "inputs": "embeddings"}
    assert bind(read("mine", node), schema("class")).criterion.centres.shape == (10, 64)


class Faulty(Centres):
    def __init__(self, **kwargs: int) -> None:
        given = {"scale": 2.0}
        super().__init__(scale=1.0, **given, **kwargs)


def test_a_fault_of_a_criterions_own_is_raised(schema):
    node = {"criterion": {"_target_": f"{__name__}.Faulty"}, "accepts": {"class": "embedding"}, "inputs": "embeddings"}
    with pytest.raises(TypeError, match="multiple values for keyword argument 'scale'"):
        bind(read("mine", node), schema("class"))
