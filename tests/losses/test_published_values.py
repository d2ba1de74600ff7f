"""The published values of each loss, through its config, and through the objective where the case is a batch."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, tensor
from torch.nn import functional as F

LOGITS, CLASSES = tensor([[1.0, 2.0], [1.0, 3.0], [1.0, 3.0]]), tensor([0, 1, 1])
SCORES, LABELS = (
    tensor([[1.0, 2.0], [2.0, 2.0], [3.0, 4.0], [4.0, 5.0]]),
    tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]),
)
BCE = [[0.3133, 2.1269], [0.1269, 2.1269], [3.0486, 0.0181], [4.0181, 0.0067]]
MASK_LOGITS = tensor([[0.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
MASK = tensor([[0.0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 1]])
P, Q = tensor([[0.5, 0.3, 0.2], [0.2, 0.3, 0.5]]), tensor([[0.9, 0.05, 0.05], [0.1, 0.7, 0.2]])
A, B = tensor([[0.3, 0.5, 0.7]] * 2), tensor([[0.1, 0.3, 0.5]] * 2)

WEIGHED = "cross_entropy loss.criterion.weight=[1,2]"
CRITERIA = [
    ("cross_entropy", "none", (LOGITS, CLASSES), [1.3133, 0.1269, 0.1269]),
    ("cross_entropy", "sum", (LOGITS, CLASSES), 1.5671),
    ("cross_entropy", "mean", (LOGITS, CLASSES), 0.5224),
    (WEIGHED, "none", (LOGITS, CLASSES), [1.3133, 0.2539, 0.2539]),
    (WEIGHED, "sum", (LOGITS, CLASSES), 1.8210),
    (WEIGHED, "mean", (LOGITS, CLASSES), 0.3642),
    ("nll", "none", (LOGITS, CLASSES), [-1, -3, -3]),
    ("nll", "sum", (LOGITS, CLASSES), -7),
    ("nll", "mean", (LOGITS, CLASSES), -2.3333),
    ("bce", "none", (SCORES.sigmoid(), LABELS), BCE),
    ("bce", "sum", (SCORES.sigmoid(), LABELS), 11.7856),
    ("bce", "mean", (SCORES.sigmoid(), LABELS), 1.4732),
    ("bce_logits", "none", (SCORES, LABELS), BCE),
    ("bce_logits", "sum", (SCORES, LABELS), 11.7856),
    ("bce_logits", "mean", (SCORES, LABELS), 1.4732),
    ("bce_logits loss.criterion.pos_weight=[3,3]", "sum", (SCORES, LABELS), 12.7158),
    ("bce_logits loss.criterion.pos_weight=[3,3]", "mean", (SCORES, LABELS), 1.5895),
    ("bce", "mean", (MASK_LOGITS.sigmoid(), MASK), 0.6219),
    ("bce_logits", "mean", (MASK_LOGITS, MASK), 0.6219),
    ("l1", "mean", (torch.ones(2, 2), 3 * torch.ones(2, 2)), 2),
    ("mse", "mean", (torch.ones(2, 2), 3 * torch.ones(2, 2)), 4),
    ("kl_div", "mean", (P.log(), Q), 0.1184),
    ("kl_div", "batchmean", (P.log(), Q), 0.3553),
    (
        "margin_ranking loss.criterion.margin=0",
        "none",
        (tensor([1.0, 2, 3]), tensor([2.0, 2, 2]), tensor([1.0, 1, -1])),
        [1, 0, 1],
    ),
    ("multilabel_margin", "mean", (tensor([0.1, 0.2, 0.4, 0.8]), tensor([0, 3, -1, -1])), 0.85),
    (
        "soft_margin",
        "none",
        (tensor([[0.3, 0.7], [0.5, 0.5]]), tensor([[-1.0, 1], [1, -1]])),
        [[0.8544, 0.4032], [0.4741, 0.9741]],
    ),
    ("multilabel_soft_margin", "mean", (tensor([[0.3, 0.7, 0.8]]), tensor([[0.0, 1, 1]])), 0.5429),
    ("multi_margin", "none", (tensor([[0.1, 0.2, 0.7], [0.2, 0.5, 0.3]]), tensor([1, 2])), [0.8, 0.7]),
    ("triplet_margin loss.criterion.p=1.0", "mean", (tensor([[1.0]]), tensor([[2.0]]), tensor([[0.5]])), 1.5),
    ("hinge_embedding", "none", (tensor([1.0, 0.8, 0.5]), tensor([1, 1, -1])), [1.0, 0.8, 0.5]),
    ("cosine_embedding", "none", (A, B, tensor([1.0, -1.0])), [0.0167, 0.9833]),
]


def near(got: Tensor, expected: object) -> bool:
    """Equal to four decimals."""
    return torch.allclose(got.detach().double(), tensor(expected).double(), rtol=0, atol=0.501e-4)


# torch warns that the mean of kl_div is no divergence
allow_mean = pytest.mark.filterwarnings("ignore:reduction. 'mean' divides the total loss:UserWarning")


@allow_mean
@pytest.mark.parametrize(("loss", "reduction", "args", "expected"), CRITERIA, ids=lambda v: v if type(v) is str else "")
def test_criterion(criterion, loss, reduction, args, expected):
    built = criterion(*f"loss={loss} loss.criterion.reduction={reduction}".split())
    assert near(built(*args), expected)


INDEX = {"classes": 2, "class_counts": (1, 2)}
BATCHES = [
    ("cross_entropy", "class", INDEX, LOGITS, CLASSES, 0.5224),
    (WEIGHED, "class", INDEX, LOGITS, CLASSES, 0.3642),
    ("nll", "class", INDEX, LOGITS, CLASSES, 0.5224),  # behind its log-softmax it is cross-entropy
    ("bce", "multilabel", INDEX, SCORES, LABELS, 1.4732),
    ("bce_logits", "multilabel", INDEX, SCORES, LABELS, 1.4732),
    ("bce_logits loss.criterion.pos_weight=[3,3]", "multilabel", INDEX, SCORES, LABELS, 1.5895),
    (
        "bce",
        "mask",
        {"classes": 2, "class_counts": (10, 6)},
        torch.stack([-MASK_LOGITS, MASK_LOGITS])[None],
        MASK[None].long(),
        0.6219,
    ),
    ("l1", "count", {"width": 2, "mean": (0, 0), "scale": (1, 1)}, torch.ones(2, 2), 3 * torch.ones(2, 2), 2),
    ("mse", "count", {"width": 2, "mean": (0, 0), "scale": (1, 1)}, torch.ones(2, 2), 3 * torch.ones(2, 2), 4),
    ("l1", "value", {"width": 2, "mean": (0, 0), "scale": (1, 1)}, torch.ones(2, 2), 3 * torch.ones(2, 2), 2),
    ("mse", "value", {"width": 2, "mean": (0, 0), "scale": (1, 1)}, torch.ones(2, 2), 3 * torch.ones(2, 2), 4),
    ("kl_div", "distribution", {}, P.log(), Q, 0.3553),
    ("kl_div loss.criterion.log_target=true", "distribution", {}, P.log(), Q, 0.3553),
    ("kl_div loss.criterion.reduction=mean", "distribution", {}, P.log(), Q, 0.1184),
    ("multilabel_margin", "multilabel", {}, tensor([[0.1, 0.2, 0.4, 0.8]]), tensor([[1, 0, 0, 1]]), 0.85),
    ("soft_margin", "multilabel", INDEX, tensor([[0.3, 0.7], [0.5, 0.5]]), tensor([[0, 1], [1, 0]]), 0.6764),
    ("soft_margin", "class", INDEX, tensor([[0.3], [0.5]]), tensor([0, 1]), 0.6642),  # (.8544 + .4741) / 2
    (
        "multilabel_soft_margin",
        "multilabel",
        {"classes": 3},
        tensor([[0.3, 0.7, 0.8]]),
        tensor([[0, 1, 1]]),
        0.5429,
    ),
    ("multi_margin", "class", {}, tensor([[0.1, 0.2, 0.7], [0.2, 0.5, 0.3]]), tensor([1, 2]), 0.75),
    ("triplet_margin loss.criterion.p=1.0", "triplet", {}, tuple(tensor([1.0, 2, 0.5])[:, None, None]), None, 1.5),
    ("cosine_embedding", "pair", {}, (A, B), tensor([1, 0]), 0.5),
    (
        "hinge_embedding",
        "pair",
        {},
        (tensor([[0.0], [0], [0]]), tensor([[1.0], [0.8], [0.5]])),
        tensor([1, 1, 0]),
        0.7667,
    ),
    ("margin_ranking", "count", {}, tensor([[1.0], [2.0]]), tensor([[3], [2]]), 2),  # margin 1, one pair, wrong by 1
]


@allow_mean
@pytest.mark.parametrize(
    ("loss", "kind", "changes", "output", "target", "expected"), BATCHES, ids=lambda v: v if type(v) is str else ""
)
@pytest.mark.parametrize("reduction", ["as it is", "none"])
def test_batch(objective, schema, loss, kind, changes, output, target, expected, reduction):
    if reduction == "none" and "reduction=mean" not in loss:  # the mean of kl_div divides by more than the samples
        loss += " loss.criterion.reduction=none"
    batch = {} if target is None else {"target": target}
    bound = objective(schema(kind, **changes), *f"loss={loss}".split())
    bound.check(batch, "the batch")
    step = bound(output, batch)
    assert near(step.loss, expected)
    assert (step.losses is not None) == ("reduction=none" in loss)


@pytest.mark.parametrize(("loss", "distance"), [("mse", torch.square), ("l1", torch.abs)])
def test_one_hot(objective, loss, distance):
    output, target = torch.randn(5, 3), tensor([0, 2, 1, 1, 0])
    step = objective("class", f"loss={loss}")(output, {"target": target})
    one_hot = torch.eye(3)[target]
    torch.testing.assert_close(step.loss, distance(one_hot - output).mean())


def test_info_nce(criterion, objective):
    plain = ("loss=info_nce", "loss.criterion.mode=one_way", "loss.criterion.normalize=false")
    plain += ("loss.criterion.temperature=1.0",)
    query, key = torch.randn(6, 4), torch.randn(6, 4)
    expected = F.cross_entropy(query @ key.T, torch.arange(6))
    torch.testing.assert_close(criterion(*plain)(query, key), expected)
    torch.testing.assert_close(objective("none", *plain)((query, key), {}).loss, expected)


def test_sgd():
    from lossbook import compose
    from lossbook.build import build
    from lossbook.config.resolve import plain
    from lossbook.trust import OWN_CONFIG

    weight = torch.nn.Parameter(tensor([[0.6614, 0.2669], [0.0617, 0.6213]]))
    node = plain(compose("optim=sgd", "optim.lr=0.1", "optim.momentum=0.0", "optim.weight_decay=0.0"))["optim"]
    optimizer = build(node, trust=OWN_CONFIG, params=[weight])
    weight.sum().backward()
    optimizer.step()
    assert near(weight, [[0.5614, 0.1669], [-0.0383, 0.5213]])
