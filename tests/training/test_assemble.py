"""From a plain config to the objects of a run."""

from __future__ import annotations

import pytest
import torch

import lossbook
from lossbook.config.check import check
from lossbook.config.resolve import plain
from lossbook.training.assemble import Assembly, assemble, primary
from lossbook.trust import OWN_CONFIG


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


@pytest.mark.parametrize(
    ("loss", "kind", "watched"), [("l1", "value", ("mae", "min")), ("kl_div", "class", ("acc", "max"))]
)
def test_whether_the_largest_or_smallest_value_is_best(loss: str, kind: str, watched: tuple[str, str]) -> None:
    values = plain(lossbook.compose(f"loss={loss}", f"loss.primary.{kind}={watched[0]}"))
    contract, made = check(values), assembled(f"loss={loss}")
    assert primary(contract, made.data.schema, made.task.directions()) == watched


def test_a_temperature_has_no_weight_decay() -> None:
    made = assembled("loss=info_nce", "loss.criterion.learnable=true", "optim=adamw", "optim.weight_decay=0.5")
    groups = made.module.make_optimizer(made.module).param_groups
    (temperature,) = (p for name, p in made.module.named_parameters() if name.startswith("objective."))
    decay = {float(g["weight_decay"]) for g in groups if any(p is temperature for p in g["params"])}
    assert decay == {0.0}
