from __future__ import annotations

import pytest
from torch import nn

from lossbook.optim.named_parameters import NamedParameter
from lossbook.optim.rules import ParameterRule, expand

NORM = NamedParameter(("model.1.weight", "tied"), frozenset({"BatchNorm1d", "_BatchNorm"}), 1, nn.BatchNorm1d(2).weight)
HEAD = NamedParameter(("model.3.weight",), frozenset({"Linear"}), 0, nn.Linear(1, 2).weight)
TEMPERATURE = NamedParameter(("objective.log_scale",), frozenset(), None, nn.Linear(1, 1).bias)


@pytest.mark.parametrize(
    ("node", "covered"),
    [
        ({"match": "*"}, [NORM, HEAD, TEMPERATURE]),
        ({"match": "model.*.weight"}, [NORM, HEAD]),
        ({"match": "tied"}, [NORM]),
        ({"type": "BatchNorm*"}, [NORM]),
        ({"type": "Linear"}, [HEAD]),
        ({"vectors": True}, [NORM, TEMPERATURE]),
        ({"part": "head"}, [HEAD]),
        ({"part": "backbone"}, [NORM]),
        ({"part": "backbone", "vectors": True}, [NORM]),
        ({"match": "model.*", "type": "LayerNorm"}, []),
        ({"lr": 0.1}, []),
    ],
)
def test_a_rule_covers_what_all_its_selectors_hold_for(node, covered):
    rule = ParameterRule.read(node)
    assert [place for place in (NORM, HEAD, TEMPERATURE) if rule.covers(place)] == covered


def test_a_rule_is_read_from_its_node():
    rule = ParameterRule.read(
        {"match": "model.*", "lr_scale": 0.1, "betas": [0.9, 0.99], "freeze": True, "until_step": 7}
    )
    assert rule.values == {"lr_scale": 0.1, "betas": [0.9, 0.99]}
    assert rule.until == ("step", 7)
    assert list(rule.settings()) == [("lr", ("lr_scale", 0.1)), ("betas", [0.9, 0.99]), ("freeze", ("step", 7))]


def test_layer_decay_goes_down_from_the_layer_below_the_output():
    rules = expand([{"layer_decay": 0.5}, {"vectors": True, "weight_decay": 0.0}], 4)
    found = [(rule.layer, rule.values.get("lr_scale")) for rule in rules]
    assert found == [(1, 0.5), (2, 0.25), (3, 0.125), (None, None)]


def test_gradual_unfreezing_ends_at_its_share_of_the_run():
    rules = expand([{"unfrozen_by": 0.5}], 3)
    assert [(rule.layer, rule.until) for rule in rules] == [(1, ("share", 0.25)), (2, ("share", 0.5))]


def test_a_network_of_one_layer_has_nothing_to_decay_or_unfreeze():
    assert expand([{"layer_decay": 0.5}, {"unfrozen_by": 0.5}], 1) == []
