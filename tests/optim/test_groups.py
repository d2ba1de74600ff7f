from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from lossbook.errors import UserError
from lossbook.optim.groups import parameter_groups
from lossbook.optim.named_parameters import named_parameters
from lossbook.optim.rules import ParameterRule

DEFAULTS = {"_target_": "torch.optim.AdamW", "lr": 0.01, "weight_decay": 0.5}


def network():
    """Build a body with a norm, a head, and an embedding tied to the output's weight."""
    net = nn.ModuleDict({"body": nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)), "head": nn.Linear(4, 2)})
    net["table"] = nn.Embedding(2, 4)
    net["out"] = nn.Linear(4, 2, bias=False)
    net["out"].weight = net["table"].weight
    return net


def grouped(net, rules, preset=(), defaults=DEFAULTS):
    own = None if defaults is None else {"main": defaults}
    return parameter_groups(
        named_parameters(net), [*map(ParameterRule.read, rules)], [*map(ParameterRule.read, preset)], own
    )


def found(groups):
    """Return the settings of each parameter's group, by name."""
    known = ("params", "part", "name")
    return {
        name: {key: value for key, value in group.items() if key not in known}
        for group in groups
        for name, _ in group["params"]
    }


NAMES = [name for name, _ in network().named_parameters()]
PATTERNS = ["*", "body.*", "body.0.*", "*.bias", "head.weight", "*.1.*", "out.*"]
RULES = st.lists(
    st.fixed_dictionaries(
        {"match": st.sampled_from(PATTERNS)},
        optional={
            "lr": st.sampled_from([0.1, 0.01]),
            "lr_scale": st.sampled_from([0.5, 1.0]),
            "weight_decay": st.sampled_from([0.0, 0.5]),
            "freeze": st.booleans(),
        },
    ).filter(lambda rule: not ("lr" in rule and "lr_scale" in rule)),
    max_size=4,
)
PRESETS = st.sampled_from([[], [{"vectors": True, "weight_decay": 0.0}], [{"match": "nothing.*", "lr": 1.0}]])


def wanted(names, parameter, ordered):
    """The first match for each hyperparameter, looked up one at a time."""
    values = {"lr": 0.01, "weight_decay": 0.5, "freeze": False}
    for key, ways in (("lr", ("lr", "lr_scale")), ("weight_decay", ("weight_decay",)), ("freeze", ("freeze",))):
        for rule in ordered:
            matches = parameter.ndim <= 1 if "vectors" in rule else any(fnmatchcase(n, rule["match"]) for n in names)
            way = next((way for way in ways if way in rule), None)
            if matches and way is not None:
                values[key] = rule[way] * (0.01 if way == "lr_scale" else 1)
                break
    return values


def says_nothing_new(net, rules, number):
    """Return whether earlier rules set everything that a rule sets, for all parameters that it covers."""

    def things(rule):
        return {"lr" if key == "lr_scale" else key for key in rule if key != "match"}

    def covers(rule, one):
        return any(fnmatchcase(name, rule["match"]) for name in one.names)

    found = [one for one in named_parameters(net) if covers(rules[number], one)]
    earlier = [{thing for rule in rules[:number] if covers(rule, one) for thing in things(rule)} for one in found]
    return bool(things(rules[number])) and all(things(rules[number]) <= said for said in earlier)


@given(RULES, PRESETS)
def test_each_parameter_is_in_one_group_where_the_first_match_wins_for_each_hyperparameter(rules, preset):
    net = network()
    expected = {one.name: wanted(one.names, one.parameter, [*rules, *preset]) for one in named_parameters(net)}
    frozen = {name for name, values in expected.items() if values["freeze"]}
    if mute := [rule for number, rule in enumerate(rules) if says_nothing_new(net, rules, number)]:
        with pytest.raises(UserError, match="earlier rules set everything that it sets") as caught:
            grouped(net, rules, preset)
        assert len(caught.value.problems) >= len({rule["match"] for rule in mute})
        return
    if frozen == set(NAMES):
        with pytest.raises(UserError, match="freeze every parameter"):
            grouped(net, rules, preset)
        return
    groups = grouped(net, rules, preset)
    listed = [name for group in groups for name, _ in group["params"]]
    assert sorted(listed) == sorted(set(NAMES) - frozen)  # none is lost or doubled, the tied one included
    assert {name for name, parameter in net.named_parameters() if not parameter.requires_grad} == frozen
    for group in groups:
        for name, parameter in group["params"]:
            assert parameter is net.get_parameter(name)
            assert group.get("lr", 0.01) == pytest.approx(expected[name]["lr"])
            assert group.get("weight_decay", 0.5) == expected[name]["weight_decay"]
    said = [(group.get("lr", 0.01), group.get("weight_decay", 0.5)) for group in groups]
    assert len(set(said)) == len(said)  # equal ones are merged
    assert len({group["name"] for group in groups}) == len(groups)
    torch.optim.AdamW([{**group, "params": group["params"]} for group in groups])  # and torch takes them


def test_a_rule_for_the_backbone_and_the_preset_combine():
    groups = grouped(network(), [{"match": "body.*", "lr": 0.001}], [{"vectors": True, "weight_decay": 0.0}])
    assert found(groups)["body.0.weight"] == {"lr": 0.001}
    assert found(groups)["body.1.weight"] == {"lr": 0.001, "weight_decay": 0.0}
    assert found(groups)["head.weight"] == {}
    assert found(groups)["head.bias"] == {"weight_decay": 0.0}


def test_a_scale_is_written_as_an_absolute_learning_rate():
    assert found(grouped(network(), [{"match": "body.*", "lr_scale": 0.1}]))["body.0.weight"] == {"lr": 0.001}


def test_groups_are_called_after_the_rules_that_made_them():
    rules = [{"match": "body.*", "lr": 0.001, "name": "body"}]
    groups = grouped(network(), rules, [{"vectors": True, "weight_decay": 0.0, "name": "no_decay"}])
    assert [group["name"] for group in groups] == ["body", "body+no_decay", "rest", "no_decay"]
    assert [group["name"] for group in grouped(network(), [])] == ["all"]


def test_a_stage_makes_a_group_of_its_own_that_stays_in_the_optimizer():
    groups = grouped(network(), [{"match": "body.*", "freeze": True, "until_epoch": 3, "lr": 0.1}])
    assert found(groups)["body.0.weight"] == {"lr": 0.1, "frozen_until": ["epoch", 3]}
    assert found(groups)["head.weight"] == {}


def test_a_rule_may_free_what_a_later_one_freezes():
    rules = [{"match": "head.*", "freeze": False}, {"match": "*", "freeze": True}]
    (group,) = grouped(network(), rules)
    assert [name for name, _ in group["params"]] == ["head.weight", "head.bias"]


def test_parameters_that_are_frozen_already_stay_out():
    net = network()
    net["body"].requires_grad_(False)
    (group,) = grouped(net, [])
    assert [name for name, _ in group["params"]] == ["head.weight", "head.bias", "table.weight"]


def test_two_parts_share_no_group():
    rest = {"_target_": "a.AdamW", "lr": 0.1, "weight_decay": 0.5}
    defaults = {"main": {"_target_": "a.Muon", "lr": 0.1}, "rest": rest}
    preset = [ParameterRule.read({"vectors": True, "weight_decay": 0.0, "name": "no_decay"})]
    groups = parameter_groups(
        named_parameters(network()), [], preset, defaults, lambda one: "rest" if "head" in one.name else "main"
    )
    assert [(group["part"], group["name"], len(group["params"])) for group in groups] == [
        ("main", "muon", 5), ("rest", "adamw", 1), ("rest", "adamw+no_decay", 1)
    ]  # fmt: skip


def test_a_hyperparameter_that_the_optimizer_has_not_is_refused_to_the_user_and_dropped_from_presets():
    own = {"_target_": "torch.optim.Rprop", "lr": 0.1}
    assert found(grouped(network(), [], [{"vectors": True, "weight_decay": 0.0}], own))["head.bias"] == {}
    with pytest.raises(UserError, match="no such hyperparameter; it has lr"):
        grouped(network(), [{"match": "head.bias", "weight_decay": 0.1}], (), own)


def frozen_body():
    net = network()
    net["body"].requires_grad_(False)
    return net


REFUSED = [
    (network(), {"lr": 0.1}, "selects no parameters", "match: '*'"),
    (network(), {"match": None, "lr": 0.1}, "selects no parameters", "match: '*'"),
    (network(), {"vectors": False, "lr": 0.1}, "selects no parameters", "match: '*'"),
    (nn.Linear(3, 2, bias=False), {"vectors": True, "lr": 0.1}, "'vectors'", "one dimension"),
    (frozen_body(), {"match": "body.*", "lr": 0.1}, "only frozen parameters (body.0.weight, ", "remove the rule"),
    (network(), {"match": "tail", "lr": 0.1}, "'tail'", "The nearest names are"),
    (network(), {"match": "head.weigth", "lr": 0.1}, "'head.weigth'", "'head.weight'?"),
    (network(), {"type": "BatchNorm", "lr": 0.1}, "'BatchNorm'", "type: _BatchNorm"),
    (network(), {"part": "head", "lr": 0.1}, "'head'", "no trained parameter of the part 'head'"),
]


@pytest.mark.parametrize(("net", "rule", "given", "fix"), REFUSED)
def test_a_rule_that_covers_nothing_says_why(net, rule, given, fix):
    with pytest.raises(UserError) as caught:
        grouped(net, [rule])
    assert given in str(caught.value)
    assert fix in str(caught.value)


def test_all_that_is_wrong_is_said_at_once():
    with pytest.raises(UserError) as caught:
        grouped(network(), [{"match": "head.weigth", "lr": 1}, {"match": "*", "lr": 2}, {"match": "tail.*", "lr": 3}])
    assert len(caught.value.problems) == 2


def test_a_preset_may_cover_nothing():
    grouped(network(), [], [{"match": "objective.*", "weight_decay": 0.0}])


def test_a_rule_that_earlier_ones_leave_nothing_to_say_is_refused_and_may_stand_before_them():
    every, head = {"match": "*", "lr": 0.1}, {"match": "head.*", "lr_scale": 0.5, "name": "head"}
    with pytest.raises(UserError, match=r"The rule 'head' .* has no effect") as caught:
        grouped(network(), [every, head])
    assert "put it before '*', or remove it" in str(caught.value)
    assert len(caught.value.problems) == 1
    grouped(network(), [head, every])
    grouped(network(), [every, {**head, "weight_decay": 0.1}])  # it has something to say


def test_something_must_be_trained_from_the_first_step_on():
    staged = {"match": "*", "freeze": True, "until_epoch": 1}
    with pytest.raises(UserError, match="At least one must be trained from the first step"):
        grouped(network(), [staged])
    grouped(network(), [{"match": "head.bias", "freeze": False}, staged])
