from __future__ import annotations

import pytest

from lossbook.errors import UserError
from lossbook.losses.reading import read

ENTROPY = {
    "criterion": {"_target_": "torch.nn.CrossEntropyLoss"},
    "accepts": {"class": "index", "mask": "index", "distribution": "distribution"},
    "primary": {"class": "acc", "mask": "iou"},
    "rules": [{"need": {"loss.activation": ["none"]}, "why": "It applies its own."}],
}
DICE = {
    "criterion": {"_target_": "mine.Dice", "reduction": "mean"},
    "accepts": {"class": "one_hot", "mask": "index"},
    "activation": "softmax",
}


def summed(**terms):
    return read("sum", {"terms": terms, "primary": {"several": "loss"}})


def test_a_sum_accepts_what_its_terms_share():
    contract = summed(entropy={"weight": 1, **ENTROPY}, overlap={"weight": 0.5, "loss": "dice", **DICE})
    assert contract.accepts == {"mask": {"name": "index"}}
    assert contract.primary == {"class": "acc", "mask": "iou", "several": "loss"}
    assert [(term.name, term.weight, term.target) for term in contract.terms] == [
        ("entropy", 1.0, ""),
        ("overlap", 0.5, ""),
    ]
    assert [term.contract.name for term in contract.terms] == ["entropy", "dice"]
    assert [term.contract.probabilities for term in contract.terms] == ["softmax", "identity"]


def test_terms_on_targets_of_different_names_share_nothing():
    contract = summed(digit={"weight": 1, "target": "digit", **ENTROPY}, other={"weight": 1, "target": "other", **DICE})
    assert contract.accepts == {}
    assert [term.target for term in contract.terms_for({"digit": "class", "other": "mask"})] == ["digit", "other"]


def test_a_term_without_a_target_is_on_that_of_its_own_name():
    contract = summed(digit={"weight": 1, **ENTROPY}, other={"weight": 1, **DICE})
    assert [term.target for term in contract.terms_for({"digit": "class", "other": "mask"})] == ["digit", "other"]
    assert [term.target for term in contract.terms_for({"": "mask"})] == ["", ""]


def test_rules_and_messages_of_a_term_name_its_place():
    contract = summed(entropy={"weight": 1, **ENTROPY, "activation": "softmax"})
    config = {"loss": {"terms": {"entropy": {"activation": "softmax"}}}}
    (problem,) = [problem for rule in contract.rules for problem in rule.problems(config)]
    assert problem.given == "loss.terms.entropy.activation=softmax"
    assert problem.fix == "loss.terms.entropy.activation=none"
    with pytest.raises(UserError, match=r"loss\.terms\.entropy\.inputs=both"):
        summed(entropy={"weight": 1, **ENTROPY, "inputs": "both"})


def test_views_must_agree_and_the_fix_is_said():
    views = {**DICE, "inputs": "views", "accepts": {"none": "embedding"}, "activation": "none"}
    with pytest.raises(UserError, match="different numbers of views") as caught:
        summed(a={"weight": 1, **ENTROPY}, b={"weight": 1, **views})
    assert caught.value.problems[0].fix
