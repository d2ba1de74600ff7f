"""The options of conf/optim against torch's live signatures."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
import yaml

from lossbook.build import target

FOLDER = Path(__file__).parents[2] / "conf" / "optim"
OPTIONS = sorted(path.stem for path in FOLDER.glob("*.yaml"))
# what departs from torch's default, so that a short run learns; the head comment says why
DEPARTING = {("adam", "lr"): 0.003, ("adamw", "lr"): 0.003, ("sgd", "lr"): 0.05, ("sgd", "momentum"): 0.9}


@pytest.mark.parametrize("name", OPTIONS)
def test_every_hyperparameter_is_spelled_out_at_torchs_default(name: str) -> None:
    node = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    parameters = inspect.signature(target(node.pop("_target_"))).parameters
    assert set(node) == set(parameters) - {"params"}
    for argument, value in node.items():
        default = parameters[argument].default
        expected = DEPARTING.get((name, argument), list(default) if isinstance(default, tuple) else default)
        assert value == expected, argument


@pytest.mark.parametrize("name", OPTIONS)
def test_the_head_comment_has_a_command_and_names_what_departs(name: str) -> None:
    head = (FOLDER / f"{name}.yaml").read_text().partition("_target_")[0]
    assert f"python scripts/train.py optim={name}" in head
    departing = [argument for option, argument in DEPARTING if option == name]
    assert all(argument in head for argument in departing)
    assert "depart" in head
