from __future__ import annotations

import itertools
from functools import cache

import pytest
import torch
from sklearn.metrics import accuracy_score, mean_absolute_error, r2_score
from torch import tensor
from torch.nn import functional as F

from lossbook import compose
from lossbook.config.resolve import plain
from lossbook.data.schema import Schema
from lossbook.losses.bind import bind
from lossbook.losses.reading import read
from lossbook.losses.result import LossResult
from lossbook.tasks.step import Step
from lossbook.training import meter
from lossbook.training.meter import Meter

SIZES = [7, 1, 5, 4, 3]  # uneven batches
N = sum(SIZES)
CLASS = Schema("class", (2,), N, classes=3, class_counts=(5, 9, 6))
LABELS = Schema("multilabel", (2,), N, classes=3)
VALUE = Schema("value", (2,), N, width=2, mean=(10.0, 0.0), scale=(2.0, 1.0))
COUNT = Schema("count", (2,), N, width=1)
W = tensor([1.0, 3.0, 0.5])


@cache
def contract(*overrides):
    config = plain(compose(*overrides))
    return read(config["choices"]["loss"], config["loss"])


def objective(schema, *overrides):
    return bind(contract(*overrides), schema)


def drawn(schema):
    generator = torch.Generator().manual_seed(3)
    targets = {
        "class": torch.randint(3, (N,), generator=generator),
        "multilabel": torch.randint(2, (N, 3), generator=generator),
        "value": torch.randn(N, 2, generator=generator) * 2 + 9,
        "count": torch.randint(4, (N, 1), generator=generator),
    }
    width = {"value": 2, "count": 1}.get(schema.target, 3)
    return torch.randn(N, width, generator=generator), targets[schema.target]


def steps(bound, outputs, targets, sizes=SIZES):
    return [
        Step.of(bound(output, {"target": target}))
        for output, target in zip(outputs.split(sizes), targets.split(sizes), strict=True)
    ]


def epoch(bound, outputs, targets, flush_at=()):
    running = Meter({"": bound.measures()})
    for number, step in enumerate(steps(bound, outputs, targets)):
        running.add(step)
        if number in flush_at:
            running.flush()
    return running.compute()


def standardised(target):
    return (target - tensor([10.0, 0.0])) / tensor([2.0, 1.0])


def ignoring(target):
    return target.masked_fill(torch.arange(N) % 3 == 0, -100)


WHOLE = [
    ("mse", VALUE, "elements", None, lambda o, t: F.mse_loss(o, standardised(t))),
    ("bce_logits", LABELS, "elements", None, lambda o, t: F.binary_cross_entropy_with_logits(o, t.float())),
    ("multi_margin", CLASS, "samples", None, F.multi_margin_loss),
    ("multilabel_soft_margin", LABELS, "samples", None, lambda o, t: F.multilabel_soft_margin_loss(o, t.float())),
    ("cross_entropy", CLASS, "weights", None, F.cross_entropy),
    ("cross_entropy loss.criterion.weight=[1,3,0.5]", CLASS, "weights", None, lambda o, t: F.cross_entropy(o, t, W)),
    (
        "cross_entropy loss.criterion.weight=[1,3,0.5] loss.criterion.label_smoothing=0.2",
        CLASS,
        "weights",
        ignoring,
        lambda o, t: F.cross_entropy(o, t, W, label_smoothing=0.2),
    ),
    (
        "nll loss.criterion.weight=[1,3,0.5]",
        CLASS,
        "weights",
        ignoring,
        lambda o, t: F.nll_loss(o.log_softmax(1), t, W),
    ),
]


@pytest.mark.parametrize(
    ("loss", "schema", "mean_over", "change", "whole"), WHOLE, ids=lambda v: v if type(v) is str else ""
)
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_an_epochs_loss_is_that_of_the_whole_set(loss, schema, mean_over, change, whole, reduction):
    outputs, targets = drawn(schema)
    targets = change(targets) if change else targets
    bound = objective(schema, *f"loss={loss} loss.criterion.reduction={reduction}".split())
    if schema is not VALUE and schema is not LABELS and loss.startswith(("cross_entropy", "nll")):
        outputs, targets = outputs[:], targets.clone()
        targets[7] = 1  # the batch of one sample must have one that counts
    found = epoch(bound, outputs, targets)["loss"]
    assert found == pytest.approx(float(whole(outputs, targets)), rel=1e-5)


@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("loss", ["margin_ranking", "cosine_embedding"])
def test_over_pairs_it_is_the_mean_of_all_that_were_formed(loss, reduction):
    schema = COUNT if loss == "margin_ranking" else CLASS
    outputs, targets = drawn(schema)
    losses = []
    for output, target in zip(outputs.split(SIZES), targets.split(SIZES), strict=True):
        for i, j in itertools.combinations(range(len(output)), 2):
            if loss == "margin_ranking":
                sign = torch.sign(target[i] - target[j]).float()
                losses += [F.margin_ranking_loss(output[i], output[j], sign, margin=1.0)] if sign else []
            else:
                sign = tensor(1.0 if target[i] == target[j] else -1.0)
                losses.append(F.cosine_embedding_loss(output[i], output[j], sign))
    found = epoch(objective(schema, f"loss={loss}", f"loss.criterion.reduction={reduction}"), outputs, targets)
    assert found["loss"] == pytest.approx(float(torch.stack(losses).mean()), rel=1e-5)


@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
def test_of_sums_it_is_the_mean_over_batches(loss):
    outputs, targets = drawn(CLASS)
    one_hot = torch.eye(3)[targets]
    sums = [
        F.mse_loss(o, y, reduction="sum") if loss == "mse" else F.cross_entropy(o, t, reduction="sum")
        for o, t, y in zip(outputs.split(SIZES), targets.split(SIZES), one_hot.split(SIZES), strict=True)
    ]
    found = epoch(objective(CLASS, f"loss={loss}", "loss.criterion.reduction=sum"), outputs, targets)
    assert found["loss"] == pytest.approx(float(torch.stack(sums).mean()), rel=1e-5)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_other_metrics_are_means_over_samples(reduction):
    outputs, targets = drawn(LABELS)
    found = epoch(
        objective(LABELS, "loss=multilabel_margin", f"loss.criterion.reduction={reduction}"), outputs, targets
    )
    labels = targets.sum(1)
    expected = ((labels == 0) | (labels == targets.shape[1])).float().mean()
    assert 0 < expected < 1
    assert found["untaught"] == pytest.approx(float(expected))


@pytest.mark.parametrize("flush_at", [(), (0,), (1, 3), (0, 1, 2, 3, 4)])
def test_metrics_are_exact_whenever_they_are_brought_up_to_date(flush_at, monkeypatch):
    outputs, targets = drawn(CLASS)
    found = epoch(objective(CLASS, "loss=cross_entropy"), outputs, targets, flush_at)
    assert found["acc"] == pytest.approx(accuracy_score(targets, outputs.argmax(1)))
    outputs, targets = drawn(VALUE)
    monkeypatch.setattr(meter, "_BUFFER", 6)  # a full buffer does not wait
    found = epoch(objective(VALUE, "loss=l1"), outputs, targets, flush_at)
    predicted = outputs * tensor([2.0, 1.0]) + tensor([10.0, 0.0])
    assert found["r2"] == pytest.approx(r2_score(targets, predicted), abs=1e-4)
    assert found["mae"] == pytest.approx(mean_absolute_error(targets, predicted), rel=1e-5)


def test_a_full_buffer_is_emptied(monkeypatch):
    monkeypatch.setattr(meter, "_BUFFER", 10)
    running = Meter({"": {}})
    for _ in range(3):
        running.add(step(1.0, scores=torch.zeros(4)))
    assert running._steps == []


def step(loss, weight=1, scores=None, **metrics):
    scores = torch.zeros(1) if scores is None else scores
    found = {name: tensor(value) for name, value in metrics.items()}
    return Step.of(LossResult(tensor(loss), weight, scores, None, found))


def test_a_window_is_the_mean_since_the_last_one():
    running = Meter({"": {}})
    assert running.window() is None
    for loss, weight in ((1.0, 1), (4.0, 2)):
        running.add(step(loss, weight))
    assert float(running.window()) == 3
    assert running.window() is None
    running.add(step(7.0, tensor(4)))
    assert float(running.window()) == 7
    assert running.compute()["loss"] == pytest.approx((1 + 8 + 28) / 7)
    running.reset()
    assert running.window() is None
    running.add(step(5.0))
    assert float(running.window()) == 5


def test_saving_does_not_cut_a_window():
    saving = Meter({"": {}})
    saving.add(step(9.0))
    saving.window()
    saving.add(step(1.0, 1))
    saved = saving.running()
    restored = Meter({"": {}})
    restored.restore(saved)
    for running in (saving, restored):
        running.add(step(4.0, 2))
        assert float(running.window()) == (1 + 8) / 3


def test_the_graph_behind_a_loss_is_let_go():
    running = Meter({"": {}})
    running.add(Step.of(LossResult(torch.ones(3, requires_grad=True).sum(), 1, torch.zeros(1), None)))
    terms, heads = running._steps[0]
    assert not terms[""].loss.requires_grad
    assert not heads[""].scores.requires_grad
    assert running.compute() == {"loss": 3.0}


def test_metrics_weigh_like_their_batch_and_may_be_missing():
    running = Meter({"": {}})
    running.add(step(1.0, 3, active=0.5))
    running.add(step(1.0, 5))
    running.add(step(1.0, 1, active=0.1))
    assert running.compute()["active"] == pytest.approx((1.5 + 0.1) / 4)


def test_batches_without_a_pair_do_not_count():
    running = Meter({"": {}})
    running.add(step(0.0, 0))
    running.add(step(2.0, 4))
    assert running.compute() == {"loss": 2.0}


def test_nothing_but_such_batches_is_a_loss_of_0():
    """All triplets satisfied is the best that can be, and no reason to stop as for a nan."""
    running = Meter({"": {}})
    running.add(step(0.0, 0))
    assert float(running.window()) == 0
    assert running.compute() == {"loss": 0.0}


def test_a_loss_that_is_nan_shows():
    running = Meter({"": {}})
    running.add(step(float("nan"), 2))
    assert running.window().isnan()
    running.add(step(1.0, 2, active=float("nan")))
    found = running.compute()
    assert found["loss"] != found["loss"]
    assert "active" not in found  # a metric that is not defined is left out


def test_training_follows_what_is_cheap_alone():
    measures = objective(CLASS, "loss=cross_entropy").measures()
    assert list(Meter({"": measures}, train=True).metrics) == ["acc"]
    assert list(Meter({"": measures}).metrics) == ["acc", "f1", "temperature"]


def test_reset():
    outputs, targets = drawn(CLASS)
    bound = objective(CLASS, "loss=cross_entropy")
    running = Meter({"": bound.measures()})
    first, *others = steps(bound, outputs, targets)
    running.add(first)
    running.flush()
    running.add(first)
    running.reset()
    for other in others:
        running.add(other)
    expected = float(F.cross_entropy(outputs[7:], targets[7:]))
    assert running.compute()["loss"] == pytest.approx(expected)
    assert running.compute()["acc"] == pytest.approx(accuracy_score(targets[7:], outputs[7:].argmax(1)))


@pytest.mark.parametrize(("loss", "schema"), [("cross_entropy", CLASS), ("multilabel_margin", LABELS), ("mse", VALUE)])
@pytest.mark.parametrize("after", [0, 2])
def test_saved_sums_go_on_as_if_nothing_had_happened(tmp_path, loss, schema, after):
    outputs, targets = drawn(schema)
    bound = objective(schema, f"loss={loss}")
    all_steps = steps(bound, outputs, targets)
    saving = Meter({"": bound.measures()})
    for one in all_steps[:after]:
        one.heads[""].metrics["chance"] = tensor(0.5)
        saving.add(one)
    torch.save(saving.running(), tmp_path / "sums.pt")
    for one in all_steps[after:]:
        saving.add(one)
    restored = Meter({"": bound.measures()})
    restored.restore(torch.load(tmp_path / "sums.pt", weights_only=True))
    for one in all_steps[after:]:
        restored.add(one)
    assert restored.compute() == saving.compute()


def test_saved_sums_do_not_move_on():
    running = Meter({"": {}})
    running.add(step(1.0))
    saved = running.running()
    running.add(step(5.0))
    running.flush()
    again = Meter({"": {}})
    again.restore(saved)
    assert again.compute() == {"loss": 1.0}


def test_the_test_part_takes_the_threshold_of_validation():
    bound = objective(LABELS, "loss=multilabel_margin")
    outputs, targets = drawn(LABELS)
    validation, test = Meter({"": bound.measures()}), Meter({"": bound.measures()})
    test.choose_thresholds(False)
    for one in steps(bound, outputs + targets * 2 + 5, targets):
        validation.add(one)
    validation.compute()
    test.take_thresholds(validation)
    for one in steps(bound, outputs, targets):
        test.add(one)
    test.compute()
    assert test.metrics["f1"].threshold == validation.metrics["f1"].threshold != 0


def test_scores_of_other_shapes_do_not_mix():
    """Sequences are as long as the longest of their batch."""
    schema = Schema("text", (1, 8, 8), 4, classes=2, alphabet=("a", "b"))
    bound = objective(schema, "loss=ctc")
    running = Meter({"": bound.measures()})
    for width in (5, 7, 5):
        path = F.one_hot(tensor([[1, 2] + [0] * (width - 2)]), 3).float() * 9
        running.add(Step.of(bound(path, {"target": tensor([[0, 1]]), "target_lengths": tensor([2])})))
    found = running.compute()
    assert (found["acc"], found["cer"]) == (1, 0)


def test_what_is_not_finite_is_left_out():
    schema = Schema("text", (1, 8, 8), 4, classes=2, alphabet=("a", "b"))
    bound = objective(schema, "loss=ctc")
    running = Meter({"": bound.measures()})
    path = F.one_hot(tensor([[1, 0, 2]]), 3).float() * 9
    running.add(Step.of(bound(path, {"target": torch.zeros(1, 0).long(), "target_lengths": tensor([0])})))
    found = running.compute()  # two symbols read where there were none: an error rate of 2 / 0
    assert found.keys() == {"loss", "acc"}
    running = Meter({"": objective(COUNT, "loss=poisson_nll", "loss.accepts.count.start=zero").measures()})
    target = tensor([[1.0], [0.0]])
    running.add(Step.of(LossResult(tensor(0.0), 2, tensor([[-200.0], [0.0]]), target)))  # exp(-200) is 0 in float32
    assert running.compute().keys() == {"loss", "mae", "acc"}
