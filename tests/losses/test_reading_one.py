from __future__ import annotations

import subprocess
import sys

import pytest

from lossbook.errors import UserError
from lossbook.losses.contract import Contract
from lossbook.losses.reading import read

MSE = {"criterion": {"_target_": "torch.nn.MSELoss"}, "accepts": {"value": "standardised"}}


def test_read_fills_in_what_is_usual():
    contract = read("mine", MSE)
    assert contract == Contract("mine", MSE["criterion"], {"value": {"name": "standardised"}})
    assert (contract.inputs, contract.activation, contract.mean_over) == ("single", "none", "samples")
    assert (contract.views, contract.rules) == (1, ())


def test_read_keeps_what_is_given():
    node = {
        "criterion": {"_target_": "torch.nn.TripletMarginLoss", "reduction": "sum"},
        "accepts": {"class": {"name": "embedding", "verify": True}},
        "inputs": "views",
        "activation": "normalise",
        "mean_over": "samples",
        "primary": {"class": "recall_at_1"},
        "pairing": {"positives": "labels"},
        "rules": [{"need": {"loss.criterion.margin": "> 0"}, "why": "Because."}],
    }
    contract = read("mine", node)
    assert contract.views == 2
    assert contract.accepts == node["accepts"]
    assert contract.rules[0].need == {"loss.criterion.margin": "> 0"}


@pytest.mark.parametrize(
    ("change", "given", "said"),
    [
        ({"activations": "none"}, "has the key 'activations'", "'activation'?"),
        ({"criterion": None}, "has no 'criterion'", "mapping"),
        ({"accepts": {}}, "has no 'accepts'", "mapping"),
        ({"criterion": {"reduction": "mean"}}, "no '_target_'", "torch.nn.MSELoss"),
        ({"inputs": "pair"}, "loss.inputs=pair", "pairs"),
        ({"activation": "relu"}, "loss.activation=relu", "softplus"),
        ({"mean_over": "batch"}, "loss.mean_over=batch", "samples"),
        ({"accepts": {"klass": "index"}}, "accepts 'klass'", "Fix: 'class'?"),
        ({"criterion": {"_target_": "x.y", "reduction": "avg"}}, "reduction=avg", "sum"),
        ({"accepts": {"value": None}}, "loss.accepts.value", "name"),
        ({"accepts": {"value": {"log": True}}}, "loss.accepts.value", "name"),
        ({"rules": [{"need": {"loss.x": "about 3"}}]}, "'about 3'", "'> 0'"),
    ],
)
def test_refusals_say_what_was_given_and_what_holds(change, given, said):
    with pytest.raises(UserError) as caught:
        read("mine", {**MSE, **change})
    assert given in str(caught.value)
    assert said in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 4


EMBEDDED = {"criterion": {"_target_": "x.y"}, "inputs": "pairs", "accepts": {"class": "embedding"}}


@pytest.mark.parametrize(
    ("node", "given", "said"),
    [
        ({**EMBEDDED, "inputs": "sequence"}, "loss.accepts.class=embedding with inputs: sequence", "text"),
        ({**EMBEDDED, "inputs": "single"}, "loss.accepts.class=embedding with inputs: single", "a target for each"),
        ({**EMBEDDED, "accepts": {"class": "one_hot"}}, "class=one_hot with inputs: pairs", "'embedding'"),
        ({**EMBEDDED, "accepts": {"value": "plain"}}, "value=plain with inputs: pairs", "'ranking'"),
        ({**EMBEDDED, "pairing": {"mining": "hard"}}, "loss.pairing.mining=hard", "loss.pairing.mine=hard"),
        ({**EMBEDDED, "mean_over": "elements"}, "loss.mean_over=elements with inputs: pairs", "pairs"),
        ({**MSE, "pairing": {"mine": "hard"}}, "loss.pairing.mine=hard with inputs: single", "remove it"),
    ],
)
def test_what_the_inputs_are_formed_from(node, given, said):
    with pytest.raises(UserError) as caught:
        read("mine", node)
    assert given in str(caught.value)
    assert said in str(caught.value)
    assert len(caught.value.problems) == 1


def test_values_of_the_pairing_are_held_by_rules():
    contract = read("mine", {**EMBEDDED, "pairing": {"mine": "foo"}})
    config = {"loss": {"pairing": {"mine": "foo"}}}
    (problem,) = [problem for rule in contract.rules for problem in rule.problems(config)]
    assert (problem.given, problem.rule) == ("loss.pairing.mine=foo", "It must be one of all, hard, semi_hard.")


def test_all_mistakes_are_said_at_once():
    with pytest.raises(UserError) as caught:
        read("mine", {**MSE, "inputs": "x", "activation": "y", "mean_over": "z", "accepts": {"klass": "index"}})
    assert len(caught.value.problems) == 4


@pytest.mark.parametrize("loss", ["torch.nn.MSELoss", "lossbook.losses.criteria.info_nce.InfoNCELoss"])
def test_batchmean_belongs_to_kl_div(loss):
    with pytest.raises(UserError, match="reduction=batchmean"):
        read("mine", {**MSE, "criterion": {"_target_": loss, "reduction": "batchmean"}})
    read("mine", {**MSE, "criterion": {"_target_": "torch.nn.KLDivLoss", "reduction": "batchmean"}})
    read("mine", {**MSE, "criterion": {"_target_": "a.users.own", "reduction": "batchmean"}})


def test_contracts_are_read_without_torch():
    code = "import sys, lossbook.losses.contract; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
