"""Invalid rules for parameter groups are refused, and the suggested fix is accepted."""

from __future__ import annotations

from typing import Any

import pytest

from lossbook.optim.rule_checks import rule_problems

ADAM: dict[str, Any] = {
    "_target_": "torch.optim.Adam", "lr": 0.1, "betas": [0.9, 0.99], "weight_decay": 0.0, "amsgrad": False,
    "fused": None, "foreach": None,
}  # fmt: skip
MUON = {"_target_": "torch.optim.Muon", "lr": 0.1, "momentum": 0.9, "rest": ADAM}


def said(*rules: Any, optim: dict[str, Any] = ADAM) -> list[str]:
    return [str(problem) for problem in rule_problems({"optim": optim, "param_groups": {"rules": list(rules)}})]


# rule; fragments of the error; the rule after the fix
REFUSED: list[tuple[Any, tuple[str, str, str], Any]] = [
    ({"match": "*", "momentun": 0.9}, ("{match: *} in param_groups.rules has 'momentun'", "betas", "remove"), None),
    ({"match": "*", "weigth_decay": 1}, ("'weigth_decay'", "weight_decay", "'weight_decay'?"), {"weight_decay": 1}),
    ({"match": "*", "fused": True}, ("'fused'", "hyperparameters of the optimizer: lr, betas", "remove"), None),
    ({"mtch": "*", "lr": 1}, ("A rule in param_groups.rules has 'mtch'", "may have match", "'match'?"), {"lr": 1}),
    ("model.*", ("'model.*'", "A rule must be a mapping", "{match: "), None),
    ({"match": "*", "lr": "fast"}, ("lr: fast", "lr must be a number from 0 to 10,000", "lr: 0.01"), {"lr": 0.1}),
    ({"match": "*", "lr": True}, ("lr: True", "lr must be a number", "lr: 0.01"), {"lr": 0.1}),
    ({"match": "*", "lr": -1.0}, ("lr: -1.0", "from 0 to", "lr: 0.01"), {"lr": 0.1}),
    ({"match": "*", "lr_scale": 0}, ("lr_scale: 0", "a number above 0", "lr_scale: 0.1"), {"lr_scale": 0.1}),
    ({"match": "*", "weight_decay": None}, ("weight_decay: None", "number", "weight_decay: 0.0"), {"weight_decay": 0}),
    ({"match": "*", "amsgrad": 1}, ("amsgrad: 1", "true or false", "amsgrad: false"), {"amsgrad": False}),
    ({"match": "*", "betas": 0.9}, ("betas: 0.9", "a list of 2 values", "betas: [0.9, 0.99]"), {"betas": [0.9, 0.99]}),
    ({"match": "*", "betas": [0.9] * 3}, ("betas: [", "2 values", "betas: [0.9, 0.99]"), {"betas": [0.9, 0.99]}),
    ({"match": 3, "lr": 1}, ("match: 3", "match must be a string", "model.head.*"), {"match": "model.head.*"}),
    ({"type": "", "lr": 1}, ("type: ", "type must be a string", "BatchNorm*"), {"type": "BatchNorm*"}),
    ({"part": "tail", "lr": 1}, ("part: tail", "backbone or head", "part: head"), {"part": "head"}),
    ({"vectors": 1, "lr": 1}, ("vectors: 1", "vectors must be true", "vectors: true"), {"vectors": True}),
    ({"vectors": False, "lr": 1}, ("vectors: False", "without it all", "vectors: true"), {"vectors": True}),
    ({"match": "*", "freeze": "no"}, ("freeze: no", "true or false", "freeze: true"), {"freeze": True}),
    (
        {"match": "*", "freeze": True, "until_epoch": 2.5},
        ("until_epoch: 2.5", "a whole number from 1 on", "until_epoch: 5"), {"until_epoch": 5},
    ),
    (
        {"match": "*", "freeze": True, "until_share": 2},
        ("until_share: 2", "above 0 and below 1", "until_share: 0.5"), {"until_share": 0.5},
    ),
    (
        {"match": "*", "until_step": 5, "lr": 1},
        ("until_step without freeze: true", "how long", "freeze: true beside it"), {"freeze": True},
    ),
    (
        {"match": "*", "freeze": True, "until_step": 5, "until_epoch": 1},
        ("has until_epoch and until_step", "Only one moment", "only until_epoch"), {"until_step": ...},
    ),
    (
        {"match": "*", "lr": 0.1, "lr_scale": 0.5},
        ("lr and lr_scale", "as a multiple of optim.lr", "remove one of them"), {"lr": ...},
    ),
    ({"match": "*", "name": "all"}, ("sets nothing for", "A rule must set freeze", "remove it"), None),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "texts", "fix"), REFUSED, ids=str)
def test_refused_with_reason_and_fix_and_the_fix_is_accepted(rule: Any, texts: tuple[str, ...], fix: Any) -> None:
    found = said(rule)
    assert len(found) == 1
    assert all(text in found[0] for text in texts)
    fixed = [] if fix is None else [{k: v for k, v in {**rule, **fix}.items() if v is not ... and k != "weigth_decay"}]
    assert said(*({k: v for k, v in each.items() if k != "mtch"} for each in fixed)) == []


def test_all_rules_are_looked_at() -> None:
    assert len(said({"match": "*", "momentun": 0.9}, {"match": "*", "lr": "x"}, {"match": "*", "lr": 1})) == 2


def test_hyperparameters_of_both_parts() -> None:
    assert said({"match": "a", "momentum": 0.5}, {"match": "b", "betas": [0.5, 0.9]}, optim=MUON) == []
    assert len(said({"match": "a", "rest": 1}, {"match": "b", "betas": [0.5]}, optim=MUON)) == 2


def test_a_strangers_lists_have_any_length() -> None:
    assert said({"match": "*", "betas": [0.9] * 3}, optim={**ADAM, "_target_": "someones.Adan"}) == []


LEAN = {"_target_": "torch.optim.AdamW", "lr": 0.1}  # leaves the defaults out


@pytest.mark.parametrize("optim", [LEAN, {**ADAM, "_target_": "someones.Adan"}])
def test_what_a_node_leaves_out_is_for_the_optimizer_to_tell(optim: dict[str, Any]) -> None:
    assert said({"match": "*", "eps": 0.1}, optim=optim) == []
    assert len(said({"match": "*", "fused": True}, optim=optim)) == 1


# entry of a preset; fragments of the error; the entry after the fix
PRESETS: list[tuple[Any, tuple[str, str, str], Any]] = [
    (
        {"layer_decay": 1.5},
        ("param_groups.preset has layer_decay: 1.5", "at most 1", "param_groups.layer_decay=0.75"),
        {"layer_decay": 0.75},
    ),
    ({"layer_decay": 0}, ("layer_decay: 0", "above 0", "param_groups.layer_decay=0.75"), {"layer_decay": 0.75}),
    (
        {"unfrozen_by": 1.0},
        ("unfrozen_by: 1.0", "above 0 and below 1", "param_groups.unfrozen_by=0.5"),
        {"unfrozen_by": 0.5},
    ),
    ({"layer_decay": 0.5, "lr": 1}, ("more than layer_decay", "no effect", "{layer_decay: 0.5}"), {"lr": ...}),
    ({"layer_decy": 0.5}, ("has 'layer_decy'", "layer_decay, unfrozen_by", "'layer_decay'?"), None),
    ({"part": "backbone", "lr_scale": 0}, ("preset has lr_scale: 0", "above 0", "0.1"), {"lr_scale": 0.1}),
    ({"match": "*", "until_step": 5, "lr": 1}, ("without freeze", "how long", "freeze: true"), {"freeze": True}),
    ("model.*", ("param_groups.preset has 'model.*'", "A rule must be a mapping", "{match: "), None),
]


@pytest.mark.parametrize(("entry", "texts", "fix"), PRESETS, ids=str)
def test_presets_are_checked_as_rules_are(entry: Any, texts: tuple[str, ...], fix: Any) -> None:
    def found(*entries: Any) -> list[str]:
        return [str(problem) for problem in rule_problems({"optim": ADAM, "param_groups": {"preset": entries}})]

    (text,) = found(entry)
    assert all(each in text for each in texts)
    assert fix is None or found({key: value for key, value in {**entry, **fix}.items() if value is not ...}) == []


def test_a_preset_may_set_weight_decay_whatever_the_optimizer_has() -> None:
    optim = {"_target_": "torch.optim.Rprop", "lr": 0.1, "foreach": None}
    preset = [{"vectors": True, "weight_decay": 0.0}]
    assert list(rule_problems({"optim": optim, "param_groups": {"preset": preset}})) == []
    assert len(list(rule_problems({"optim": optim, "param_groups": {"rules": preset}}))) == 1
