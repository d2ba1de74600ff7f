from __future__ import annotations

import copy

import pytest
from omegaconf import OmegaConf

from lossbook.config.arguments import parse
from lossbook.config.options import Options, conf_folder
from lossbook.config.terms import clear_replaced, contract_of, with_whole_terms
from lossbook.errors import UserError

OPTIONS = Options([conf_folder()])


def test_a_weight_becomes_the_whole_contract_of_its_loss():
    found = with_whole_terms({"terms": {"dice": 0.5}}, OPTIONS)["terms"]["dice"]
    stated, _ = OPTIONS.stated("loss/dice")
    assert found == {"weight": 0.5, "loss": "dice", **stated}


def test_changes_are_put_into_the_contract_and_the_option_stays_what_it_is():
    before = copy.deepcopy(OPTIONS.stated("loss/cross_entropy")[0])
    given = {"terms": {"mine": {"loss": "cross_entropy", "criterion": {"label_smoothing": 0.1}, "target": "digit"}}}
    kept = copy.deepcopy(given)
    found = with_whole_terms(given, OPTIONS)["terms"]["mine"]
    assert (found["weight"], found["loss"], found["target"]) == (1.0, "cross_entropy", "digit")
    assert found["criterion"] == {**before["criterion"], "label_smoothing": 0.1}
    assert (given, OPTIONS.stated("loss/cross_entropy")[0]) == (kept, before)


def test_null_is_cross_entropy_and_dice_and_whole_terms_stay():
    once = with_whole_terms({"terms": None}, OPTIONS)
    assert list(once["terms"]) == ["cross_entropy", "dice"]
    assert with_whole_terms(once, OPTIONS) == once
    assert list(contract_of("sum", OPTIONS).accepts) == ["class", "mask"]


def test_every_wrong_term_is_said_with_the_nearest_loss():
    with pytest.raises(UserError) as caught:
        with_whole_terms({"terms": {"dicee": 1.0, "mse": True}}, OPTIONS)
    assert [problem.fix for problem in caught.value.problems] == ["'loss.terms={dice: 1.0}'", "loss.terms.mse=1.0"]


@pytest.mark.parametrize("key", ["loss.terms", "metrics"])
def test_a_mapping_takes_the_place_of_the_one_before(key):
    config = OmegaConf.create({"loss": {"terms": {"a": 1}, "primary": {}}, "metrics": {"mcc": {"_target_": "x.Y"}}})
    OmegaConf.set_struct(config, True)
    clear_replaced(config, parse([f"{key}.a=2", "seed=1"]))
    assert OmegaConf.select(config, key)  # a value within it replaces nothing
    clear_replaced(config, parse([f"{key}={{b: 2}}"]))
    assert OmegaConf.select(config, key) is None
    OmegaConf.update(config, key, {"b": 2})
    assert OmegaConf.to_container(OmegaConf.select(config, key)) == {"b": 2}
