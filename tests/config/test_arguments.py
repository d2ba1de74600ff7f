from __future__ import annotations

import pytest

from lossbook.config.arguments import belongs_to_hydra, config_dir, parse, split_ckpt
from lossbook.errors import UserError


def test_values_are_read_by_hydras_grammar():
    values = [
        one.value() for one in parse(["optim.lr=1e-3", "seed=1", "data.root='a b'", "loss=ctc", "a=[1,x]", "b=null"])
    ]
    assert values == [0.001, 1, "a b", "ctc", [1, "x"], None]


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("ckpt=a/last.ckpt", "a/last.ckpt"),
        ("ckpt=a/epoch=3 (1).ckpt", "a/epoch=3 (1).ckpt"),  # Hydra's grammar would refuse it
        ("ckpt='a b.ckpt'", "a b.ckpt"),
        ("ckpt=null", None),
    ],
)
def test_a_checkpoints_path_is_taken_as_it_stands(given: str, path: str | None):
    assert split_ckpt(["optim.lr=1", given, "loss=ctc"]) == (path, ["optim.lr=1", "loss=ctc"])


def test_the_last_checkpoint_counts_and_none_is_none():
    assert split_ckpt(["ckpt=a", "ckpt=b"]) == ("b", [])
    assert split_ckpt([]) == (None, [])


def test_an_empty_path_is_refused():
    with pytest.raises(UserError, match="ckpt needs a path"):
        split_ckpt(["ckpt="])


def test_what_speaks_of_hydra_itself():
    about_hydra = ["hydra.run.dir=x", "hydra/launcher=joblib", "+hydra.job.env_set.A=1"]
    assert all(map(belongs_to_hydra, about_hydra))
    assert not any(map(belongs_to_hydra, ["loss=ctc", "hydrant=1", "data.root=hydra.yaml"]))


@pytest.mark.parametrize("arguments", [["--config-dir", "mine", "loss=a"], ["loss=a", "--config-dir=mine"]])
def test_the_folder_of_a_users_own_options(arguments: list[str]) -> None:
    assert config_dir(arguments) == "mine"
    assert config_dir(["loss=a"]) is None
