from __future__ import annotations

import copy
import functools

import pytest
import torch
from torch import nn, tensor
from torch.nn import functional as F

from lossbook.losses.bind import bind
from lossbook.losses.criteria.function import FunctionCriterion
from lossbook.losses.reading import read
from lossbook.tasks.step import Step
from lossbook.training.meter import Meter

WEIGHTED = {"weight": [1.0, 2.0, 4.0], "ignore_index": 1}


def test_options_and_the_functions_own_defaults_are_attributes():
    criterion = FunctionCriterion(functools.partial(F.triplet_margin_loss, margin=0.3))
    assert (criterion.margin, criterion.p, criterion.swap) == (0.3, 2, False)
    assert not hasattr(criterion, "ignore_index")


def test_tensors_move_and_modules_learn():
    scaled = functools.partial(lambda input, target, scale, by: by(input).sum() * scale, scale=tensor(2.0))
    criterion = FunctionCriterion(functools.partial(scaled, by=nn.Linear(3, 1)))
    moved = copy.deepcopy(criterion).to("meta")
    assert moved.scale.device.type == "meta"
    assert [name for name, _ in criterion.named_parameters()] == ["by.weight", "by.bias"]
    x = torch.ones(2, 3)
    torch.testing.assert_close(criterion(x, None), 2 * criterion.by(x).sum())


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_an_epochs_loss_equals_that_of_the_class(schema, reduction):
    losses = []
    for path in ("torch.nn.CrossEntropyLoss", "torch.nn.functional.cross_entropy"):
        node = {"criterion": {"_target_": path, **WEIGHTED, "reduction": reduction}, "mean_over": "weights"}
        node["accepts"] = {"class": {"name": "index", "ignore_index": 1}}
        objective = bind(read("mine", node), schema("class"))
        assert [name for name, _ in objective.named_buffers()] == ["criterion.weight"]
        meter, generator = Meter({}), torch.Generator().manual_seed(0)
        for samples in (5, 9, 2):  # uneven, so that a wrong share would show
            output = torch.randn(samples, 3, generator=generator)
            target = torch.cat([tensor([0]), torch.randint(3, (samples - 1,), generator=generator)])
            meter.add(Step.of(objective(output, {"target": target})))
        losses.append(meter.compute()["loss"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-9)


def test_mining_takes_the_margin_that_is_bound(schema, objective):
    path = "torch.nn.functional.triplet_margin_loss"
    node = {"criterion": {"_target_": path, "margin": 0.3}, "inputs": "triplets", "mean_over": "pairs"}
    node |= {"accepts": {"class": "embedding"}, "pairing": {"mine": "all"}}
    bound = bind(read("mine", node), schema("class"))
    assert (bound.inputs.margin, bound.inputs.p) == (0.3, 2.0)
    embeddings, batch = torch.randn(8, 3), {"target": tensor([0, 0, 1, 1, 2, 2, 0, 1])}
    class_form = objective("class", "loss=triplet_margin", "loss.criterion.margin=0.3", "loss.pairing.mine=all")
    torch.testing.assert_close(bound(embeddings, batch).loss, class_form(embeddings, batch).loss)
    assert bound(embeddings, batch).weight == class_form(embeddings, batch).weight
