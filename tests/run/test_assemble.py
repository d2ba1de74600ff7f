"""From a plain config to the objects of a run."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import lossbook
from lossbook.composing.check import check
from lossbook.composing.plain import plain
from lossbook.errors import UserError
from lossbook.run.assemble import Assembly, assemble, optimizer_factory, primary, scheduler_factory
from lossbook.trust import OWN_CONFIG

ADAM = {"_target_": "torch.optim.Adam", "lr": 0.1, "weight_decay": 0.5}


def assembled(*overrides: str) -> Assembly:
    values = plain(lossbook.compose("data.limit=32", *overrides))
    return assemble(values, check(values), OWN_CONFIG)


def test_the_model_is_told_its_input_and_output() -> None:
    made = assembled("loss=triplet_margin", "model.embedding_dim=7")
    assert made.module.model(torch.zeros(2, *made.data.schema.input_shape)).shape == (2, 7)
    assert made.module.primary == ("val/recall_at_1", "max")


def test_the_same_seed_makes_the_same_weights() -> None:
    first, again, other = (assembled(f"seed={seed}").module.state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize(("loss", "watched"), [("l1", ("mae", "min")), ("kl_div", ("acc", "max"))])
def test_whether_the_largest_or_smallest_value_is_best(loss: str, watched: tuple[str, str]) -> None:
    values = plain(lossbook.compose(f"loss={loss}", f"++loss.primary={{value: {watched[0]}, class: {watched[0]}}}"))
    contract = check(values)
    assert primary(contract, assembled(f"loss={loss}").objective) == watched


@pytest.mark.parametrize(("more", "fused"), [({}, True), ({"fused": False}, False), ({"foreach": True}, None)])
def test_fused_wherever_nothing_speaks_against_it(more: dict[str, Any], fused: bool | None) -> None:
    optimizer = optimizer_factory({**ADAM, **more}, {}, OWN_CONFIG)(nn.Linear(3, 2))
    assert optimizer.defaults["fused"] is fused


def test_a_temperature_has_no_weight_decay() -> None:
    made = assembled("loss=info_nce", "loss.criterion.learnable=true", "optim=adamw", "optim.weight_decay=0.5")
    groups = made.module.make_optimizer(made.module).param_groups
    (temperature,) = (p for name, p in made.module.named_parameters() if name.startswith("objective."))
    decay = {float(g["weight_decay"]) for g in groups if any(p is temperature for p in g["params"])}
    assert decay == {0.0}


def test_a_rule_for_what_the_optimizer_does_not_have_is_refused() -> None:
    make = optimizer_factory(ADAM, {"rules": [{"match": "*", "momentun": 0.9}, {"match": "*", "l": 1}]}, OWN_CONFIG)
    with pytest.raises(UserError, match="momentun") as error:
        make(nn.Linear(3, 2))
    assert len(error.value.problems) == 2


def test_a_schedule_is_told_the_number_of_steps() -> None:
    optimizer = torch.optim.SGD(nn.Linear(3, 2).parameters(), lr=1.0)
    node = {"_target_": "torch.optim.lr_scheduler.OneCycleLR", "max_lr": 1.0, "interval": "step"}
    make = scheduler_factory(node, OWN_CONFIG)
    assert make is not None
    made = make(optimizer, 30)
    assert (made["interval"], made["scheduler"].total_steps) == ("step", 30)
    assert scheduler_factory({"_target_": None}, OWN_CONFIG) is None
