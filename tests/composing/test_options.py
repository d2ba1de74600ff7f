from __future__ import annotations

from pathlib import Path

from lossbook.composing.options import GROUPS, Options, conf_folder, may_list


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
    assert options.that_state("optim.momentum") == ["optim=sgd"]
    assert "data=mnist" in options.that_state("data.root")
    assert options.that_state("data.no_such_key") == []
    assert options.that_state("seed") == []


def test_lists_are_for_loggers_callbacks_and_values():
    assert [key for key in ("loss", "logger", "callbacks", "optim.betas") if may_list(key)] == [
        "logger",
        "callbacks",
        "optim.betas",
    ]
