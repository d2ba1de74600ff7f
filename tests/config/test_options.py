from __future__ import annotations

from pathlib import Path

import pytest

import lossbook
from lossbook.config.options import GROUPS, Options, conf_folder, may_list
from lossbook.errors import UserError


def test_conf_lies_in_the_repository_of_an_editable_install():
    assert (conf_folder() / "train.yaml").is_file()


def test_every_group_is_a_folder_except_where_nothing_is_chosen_by_default():
    assert [group for group in GROUPS if not Options([conf_folder()]).names(group)] in ([], ["experiment"])


def test_names_come_from_all_folders_and_the_first_folder_wins(tmp_path: Path):
    for folder, name in (("one", "a"), ("two", "a"), ("two", "b")):
        path = tmp_path / folder / "loss" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"from: {folder}\n")
    options = Options([tmp_path / "one", tmp_path / "two"])
    assert options.names("loss") == ["a", "b"]
    assert options.stated("loss/a") == ({"from": "one"}, True)
    assert options.has_group("loss")
    assert not options.has_group("loss.a")


def test_an_option_built_on_another_states_the_others_values_too(config_dir: Path):
    values, whole = Options([conf_folder(), config_dir]).stated("trainer/cpu")
    assert values["accelerator"] == "cpu"
    assert values["max_epochs"] == "${oc.select:data.epochs,20}"
    assert whole


def test_numbers_are_read_as_hydra_reads_them(tmp_path: Path):
    (tmp_path / "a.yaml").write_text("lr: 1e-3\nseed: ${data.seed}\nroot: ???\n")
    assert Options([tmp_path]).stated("a")[0] == {"lr": 0.001, "seed": "${data.seed}", "root": "???"}


def test_a_file_that_changes_is_read_again(tmp_path: Path):
    path = tmp_path / "a.yaml"
    path.write_text("lr: 1\n")
    assert Options([tmp_path]).stated("a")[0] == {"lr": 1}
    path.write_text("lr: 22\n")
    assert Options([tmp_path]).stated("a")[0] == {"lr": 22}


def test_what_only_hydra_can_follow_is_not_called_whole(tmp_path: Path):
    (tmp_path / "a.yaml").write_text("defaults:\n  - /data@inner: digits\n  - _self_\nlr: 1\n")
    (tmp_path / "b.yaml").write_text("# @package elsewhere\nlr: 1\n")
    assert Options([tmp_path]).stated("a") == ({"lr": 1}, False)
    assert Options([tmp_path]).stated("b") == ({"lr": 1}, False)
    assert Options([tmp_path]).stated("none") == ({}, False)


def test_which_options_state_a_key():
    options = Options([conf_folder()])
    assert options.that_state("optim.dampening") == ["optim=sgd"]
    assert options.that_state("optim.etas") == ["optim=rprop"]  # from within a file that sets other groups, too
    assert "data=mnist" in options.that_state("data.root")
    assert options.that_state("data.no_such_key") == []
    assert options.that_state("seed") == []


GLOBAL = """\
# @package _global_
defaults:
  - override /scheduler: none
  - _self_
data: {batch_size: all, epochs: 9}
optim: {_target_: a.B, lr: 1e-3}
"""


def test_an_option_for_the_whole_config_states_its_own_group(tmp_path: Path):
    for name, content in {
        "optim/whole": GLOBAL,
        "optim/on_it": "defaults:\n  - whole\n  - _self_\nlr: 0.5\n",
        "optim/silent": "# @package _global_\ndata: {batch_size: all}\n",
        "data/some": "batch_size: 64\n",
        "experiment/e": "# @package _global_\noptim: {lr: 1}\n",
    }.items():
        path = tmp_path / f"{name}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    options = Options([tmp_path])
    assert options.stated("optim/whole") == ({"_target_": "a.B", "lr": 0.001}, True)
    assert options.stated("optim/on_it") == ({"_target_": "a.B", "lr": 0.5}, True)
    assert options.stated("optim/silent") == ({}, True)
    assert options.stated("experiment/e")[0] == {"optim": {"lr": 1}}
    assert options.that_state("optim.lr") == ["optim=on_it", "optim=whole"]
    # what it says of another group counts where that group says nothing itself
    declared = options.declared({"optim": "whole", "data": "some"})
    assert declared["optim"] == {"_target_": "a.B", "lr": 0.001}
    assert declared["data"] == {"batch_size": 64, "epochs": 9}


@pytest.mark.parametrize(
    ("given", "fix"),
    [
        ("optim.lr=fast", "like optim.lr=0.0003"),
        ("optim.etaz=[0.5,1.2]", "optim.etas=[0.5,1.2]"),
        ("optim.dampening=0.9", "choose one that has it: optim=sgd"),
        ("data.epochs=many", "like data.epochs=30"),
    ],
)
def test_types_and_nearest_keys_under_an_option_for_the_whole_config(given: str, fix: str):
    with pytest.raises(UserError) as caught:
        lossbook.compose("optim=rprop", given)
    assert fix in str(caught.value)


def test_the_command_line_wins_over_what_an_optimizer_brings():
    config = lossbook.compose("optim=rprop", "data.batch_size=32", "optim.lr=1", "scheduler=cosine")
    assert (config.data.batch_size, config.optim.lr, config.choices.scheduler) == (32, 1, "cosine")
    assert config.data.epochs == config.trainer.max_epochs == 100


def test_lists_are_for_loggers_callbacks_and_values():
    assert [key for key in ("loss", "logger", "callbacks", "optim.betas") if may_list(key)] == [
        "logger",
        "callbacks",
        "optim.betas",
    ]
