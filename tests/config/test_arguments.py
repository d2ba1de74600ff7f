from __future__ import annotations

import pytest

from lossbook.config.arguments import belongs_to_hydra, config_dir, parse, quoted


def test_values_are_read_by_hydras_grammar():
    values = [
        one.value() for one in parse(["optim.lr=1e-3", "seed=1", "data.root='a b'", "loss=ctc", "a=[1,x]", "b=null"])
    ]
    assert values == [0.001, 1, "a b", "ctc", [1, "x"], None]


TEXTS = [
    "a\\b",
    "a\\'b",
    "a\\",
    "\\\\",
    "it's",
    'a"b',
    "${b}",
    "a,b",
    "[x]",
    "x=y",
    "null",
    "é ü",
    "a\nb",
    "'q'",
    "a#b",
]


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_quoted_is_read_as_it_was(text: str) -> None:
    assert parse([f"data.root={quoted(text)}"])[0].value() == text


def test_what_speaks_of_hydra_itself():
    about_hydra = ["hydra.run.dir=x", "hydra/launcher=joblib", "+hydra.job.env_set.A=1"]
    assert all(map(belongs_to_hydra, about_hydra))
    assert not any(map(belongs_to_hydra, ["loss=ctc", "hydrant=1", "data.root=hydra.yaml"]))


@pytest.mark.parametrize("arguments", [["--config-dir", "mine", "loss=a"], ["loss=a", "--config-dir=mine"]])
def test_the_folder_of_a_users_own_options(arguments: list[str]) -> None:
    assert config_dir(arguments) == "mine"
    assert config_dir(["loss=a"]) is None
