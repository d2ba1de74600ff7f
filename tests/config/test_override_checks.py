"""What Hydra composed, finished."""

from __future__ import annotations

import pytest
from omegaconf.errors import ConfigAttributeError

from lossbook.config.composed import composed, in_order
from lossbook.config.options import KEYS, conf_folder
from lossbook.errors import UserError

FOLDERS = [conf_folder()]


def test_choices_and_overrides_are_noted_and_the_keys_stand_in_order() -> None:
    config = composed(["loss=nll", "logger=[csv,tensorboard]"], FOLDERS)
    assert config.choices.loss == "nll"
    assert config.choices.logger == ["csv", "tensorboard"]
    assert config.overrides == ["loss=nll", "logger=[csv,tensorboard]"]
    assert list(config) == [key for key in KEYS if key in config]


def test_a_default_that_refers_to_another_value_has_that_values_type() -> None:
    assert composed(["trainer.max_epochs=3"], FOLDERS).trainer.max_epochs == 3
    with pytest.raises(UserError, match="whole number"):
        composed(["trainer.max_epochs=soon"], FOLDERS)


def test_all_wrong_values_are_told_at_once() -> None:
    with pytest.raises(UserError) as error:
        composed(["optim.lr=fast", "seed=x"], FOLDERS)
    assert len(error.value.problems) == 2


def test_a_finished_config_has_no_other_keys() -> None:
    config = in_order({"seed": 0, "loss": {}})
    assert list(config)[:2] == ["loss", "seed"]
    with pytest.raises(ConfigAttributeError):
        config.sed = 1
