from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lossbook.errors import UserError
from lossbook.optim.groups import parameter_groups


def network():
    return nn.ModuleDict({"body": nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)), "head": nn.Linear(4, 2)})


NAMES = [name for name, _ in network().named_parameters()]
PATTERNS = ["*", "body.*", "body.0.*", "*.bias", "head.weight", "*.1.*"]
rules = st.lists(
    st.fixed_dictionaries(
        {"match": st.sampled_from(PATTERNS)},
        optional={
            "lr": st.sampled_from([0.1, 0.01]),
            "weight_decay": st.sampled_from([0.0, 0.5]),
            "freeze": st.booleans(),
        },
    ),
    max_size=4,
)
presets = st.sampled_from([[], [{"vectors": True, "weight_decay": 0.0}], [{"match": "nothing.*", "lr": 1.0}]])
DEFAULTS = {"lr": 0.01, "weight_decay": 0.5}


def wanted(name, parameter, ordered):
    """The first match for each hyperparameter, one at a time."""
    found = {}
    for key in ("lr", "weight_decay", "freeze"):
        for rule in ordered:
            matches = parameter.ndim <= 1 if "vectors" in rule else fnmatchcase(name, rule["match"])
            if matches and key in rule:
                found[key] = rule[key]
                break
    return found


@settings(deadline=None, derandomize=True)
@given(rules, presets)
def test_first_match_wins_for_each_hyperparameter(rules, preset):
    net = network()
    expected = {name: wanted(name, parameter, [*rules, *preset]) for name, parameter in net.named_parameters()}
    frozen = {name for name in NAMES if expected[name].get("freeze")}
    if frozen == set(NAMES):
        with pytest.raises(UserError, match="freeze every parameter"):
            parameter_groups(net.named_parameters(), rules, preset, DEFAULTS)
        return
    groups = parameter_groups(net.named_parameters(), rules, preset, DEFAULTS)
    owners = {name: [g for g in groups if any(p is q for q in g["params"])] for name, p in net.named_parameters()}
    for name, parameter in net.named_parameters():
        assert len(owners[name]) == (name not in frozen)  # each in exactly one group
        assert parameter.requires_grad == (name not in frozen)
        for group in owners[name]:
            for key, default in DEFAULTS.items():
                assert group.get(key, default) == expected[name].get(key, default)
    settings = [{key: group.get(key, default) for key, default in DEFAULTS.items()} for group in groups]
    assert all(settings.count(setting) == 1 for setting in settings)  # equal ones are merged
    assert all(set(group) <= {"params", "lr", "weight_decay"} for group in groups)


def test_a_rule_for_the_backbone_and_the_preset_combine():
    net = network()
    groups = parameter_groups(
        net.named_parameters(), [{"match": "body.*", "lr": 0.001}], [{"vectors": True, "weight_decay": 0.0}]
    )
    found = {
        name: {key: value for key, value in group.items() if key != "params"}
        for name, parameter in net.named_parameters()
        for group in groups
        if any(parameter is other for other in group["params"])
    }
    assert found["body.0.weight"] == {"lr": 0.001}
    assert found["body.1.weight"] == {"lr": 0.001, "weight_decay": 0.0}
    assert found["head.weight"] == {}
    assert found["head.bias"] == {"weight_decay": 0.0}


def test_parameters_that_are_frozen_already_stay_out():
    net = network()
    net["body"].requires_grad_(False)
    (group,) = parameter_groups(net.named_parameters(), [])
    assert len(group["params"]) == 2


def test_patterns_that_match_nothing_are_all_said_with_the_nearest_name():
    wrong = [{"match": "head.weigth", "lr": 1}, {"match": "*", "lr": 2}, {"match": "tail.*", "lr": 3}]
    with pytest.raises(UserError) as caught:
        parameter_groups(network().named_parameters(), wrong)
    assert len(caught.value.problems) == 2
    assert "'head.weigth'" in str(caught.value)
    assert "'head.weight'?" in str(caught.value)
    assert "'tail.*'" in str(caught.value)


def frozen_body():
    net = network()
    net["body"].requires_grad_(False)
    return net


REFUSED = [
    (network(), {"lr": 0.1}, "says not which parameters", "match: '*'"),
    (network(), {"match": None, "lr": 0.1}, "says not which parameters", "match: '*'"),
    (network(), {"vectors": False, "lr": 0.1}, "says not which parameters", "match: '*'"),
    (nn.Linear(3, 2, bias=False), {"vectors": True, "lr": 0.1}, "vectors: true", "one dimension"),
    (frozen_body(), {"match": "body.*", "lr": 0.1}, "frozen parameters alone (body.0.weight, ", "remove the rule"),
    (network(), {"match": "tail", "lr": 0.1}, "'tail'", "Parameters are body.0.weight"),
]


@pytest.mark.parametrize(("net", "rule", "given", "fix"), REFUSED)
def test_a_rule_that_matches_nothing_says_why(net, rule, given, fix):
    with pytest.raises(UserError) as caught:
        parameter_groups(net.named_parameters(), [rule])
    assert given in str(caught.value)
    assert fix in str(caught.value)


def test_a_preset_may_match_nothing():
    parameter_groups(network().named_parameters(), [], [{"match": "objective.*", "weight_decay": 0.0}])
