from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lossbook import compose
from lossbook.config.resolve import plain
from lossbook.config.resume import restore, to_save
from lossbook.errors import UserError


@pytest.fixture
def saved() -> dict[str, Any]:
    return to_save(compose("loss=ctc", "optim.lr=0.5"))


def test_a_saved_config_alone_comes_back_as_it_was(saved: dict[str, Any]):
    assert plain(restore(saved, [])) == plain(compose("loss=ctc", "optim.lr=0.5"))


def test_the_saved_config_counts_whatever_the_files_say_by_now(saved: dict[str, Any]):
    saved["optim"]["eps"] = 0.25
    assert restore(saved, ["seed=1"]).optim.eps == 0.25


def test_a_value_on_top_moves_all_that_refers_to_it(saved: dict[str, Any]):
    config = restore(saved, ["data.seed=9", "optim.lr=1"])
    assert plain(config)["data"]["source"]["seed"] == 9
    assert config.optim.lr == 1
    assert list(config.overrides) == ["loss=ctc", "optim.lr=0.5", "data.seed=9", "optim.lr=1"]


def test_a_group_on_top_replaces_its_own_node_alone(saved: dict[str, Any]):
    config = restore(saved, ["data=digits", "data.batch_size=7"])
    assert (config.choices.data, config.data.target, config.data.batch_size) == ("digits", "class", 7)
    assert (config.choices.model, config.choices.loss) == ("crnn", "ctc")
    assert config.optim.lr == 0.5


def test_what_is_computed_is_saved_as_it_came_out(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LOSSBOOK_TEST_ROOT", "/here")
    saved = to_save(compose("data=mnist", "data.root=${oc.env:LOSSBOOK_TEST_ROOT}"))
    monkeypatch.setenv("LOSSBOOK_TEST_ROOT", "/there")
    assert plain(restore(saved, []))["data"]["source"]["root"] == "/here"
    assert saved["data"]["source"]["root"] == "${data.root}"


@pytest.mark.parametrize(
    ("override", "fix"),
    [
        ("optim.lrr=1", "optim.lr=1"),
        ("optim=sgdd", "optim=sgd"),
        ("optim.lr=fast", "give a number, like optim.lr=0.003"),
        ("optim.lr=1,2", "-m 'optim.lr=1,2' for a sweep, or 'optim.lr=[1,2]' for a list"),
        ("experiment=any", "give each value that should change"),
        ("optim.momentum=0.9", "choose one that has it: optim=muon, optim=rmsprop, optim=sgd"),
    ],
)
def test_overrides_of_a_checkpoint_are_held_to_the_same_rules(saved: dict[str, Any], override: str, fix: str):
    with pytest.raises(UserError) as caught:
        restore(saved, [override])
    (problem,) = caught.value.problems
    assert (problem.given, problem.fix) == (override, fix)


def test_a_users_own_group_goes_on_top_of_a_checkpoint(saved: dict[str, Any], config_dir: Path):
    from lossbook.config.options import conf_folder

    config = restore(saved, ["optim=warm"], [conf_folder(), config_dir])
    assert (config.choices.optim, config.optim.lr, config.choices.data) == ("warm", 0.5, "digit_lines")


def test_a_checkpoint_that_is_not_there(tmp_path: Path):
    (tmp_path / "best.ckpt").touch()
    with pytest.raises(UserError) as caught:
        compose(f"ckpt={tmp_path}/bset.ckpt")
    assert caught.value.problems[0].fix == f"ckpt={tmp_path}/best.ckpt"


def test_compose_reads_the_config_out_of_a_checkpoint(saved: dict[str, Any], tmp_path: Path):
    import torch

    path = tmp_path / "epoch=3.ckpt"
    torch.save({"state_dict": {}, "lossbook": {"config": saved}}, path)
    config = compose(f"ckpt={path}", "seed=5")
    assert (config.ckpt, config.seed, config.choices.loss, config.optim.lr) == (str(path), 5, "ctc", 0.5)


def test_a_checkpoint_does_not_say_where_to_write(saved: dict[str, Any]):
    saved["callbacks"]["checkpoints"]["folder"] = "/elsewhere"
    saved["callbacks"]["progress"]["console"] = {"file": {"dirpath": "elsewhere"}}
    saved["logger"] = {
        "a": {"_target_": "lossbook.training.loggers.TensorBoard", "save_dir": "/elsewhere"},
        "b": {"_target_": "lightning.pytorch.loggers.CSVLogger", "name": "../../x", "version": "1", "prefix": "a/b"},
        "c": {"_target_": "lightning.pytorch.loggers.CSVLogger", "name": "${oc.env:HOME}", "version": None},
    }
    config = plain(restore(saved, ["+callbacks.checkpoints.folder=mine"]))
    assert config["callbacks"]["checkpoints"]["folder"] == "mine"  # the user's own word
    assert config["callbacks"]["progress"]["console"] == {"file": {}}
    assert list(config["logger"]["a"]) == ["_target_"]
    assert list(config["logger"]["b"]) == ["_target_", "version", "prefix"]
    assert list(config["logger"]["c"]) == ["_target_", "version"]


def test_a_checkpoint_starts_no_download(saved: dict[str, Any]):
    mnist = to_save(compose("data=mnist", "data.root=here", "data.download=true"))
    assert plain(restore(mnist, []))["data"]["source"]["download"] is False
    assert plain(restore(mnist, ["data.download=true"]))["data"]["source"]["download"] is True


def test_names_that_the_user_gives_are_vouched_for(saved: dict[str, Any], tmp_path: Path):
    from lossbook.config.options import conf_folder

    saved["model"] = {"_target_": "mine.Net"}
    saved["callbacks"] = {"x": {"_target_": "mine.Watch"}}
    assert "trust" not in restore(saved, [])
    assert restore(saved, ["model._target_=mine.Net"]).trust == ["mine.Net"]
    assert restore(saved, ["model._target_=mine.Net", "+trust=[mine.Watch]"]).trust == ["mine.Watch", "mine.Net"]
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "net.yaml").write_text("_target_: mine.Net\n")
    assert restore(saved, [], [conf_folder(), tmp_path]).trust == ["mine.Net"]


@pytest.mark.parametrize("written", [r"epoch\=3 a.ckpt", "'epoch=3 a.ckpt'", "epoch=3 a.ckpt"])
def test_a_path_may_be_written_as_hydra_has_it(written: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from lossbook.config.paths import split_ckpt

    monkeypatch.chdir(tmp_path)
    Path("epoch=3 a.ckpt").touch()
    assert split_ckpt([f"ckpt={written}"])[0] == "epoch=3 a.ckpt"


def test_the_folder_of_a_run_names_its_checkpoint(tmp_path: Path):
    (tmp_path / "checkpoints").mkdir()
    for name in ("best.ckpt", "last.ckpt"):
        (tmp_path / "checkpoints" / name).touch()
    with pytest.raises(UserError) as caught:
        compose(f"ckpt={tmp_path}")
    assert caught.value.problems[0].fix == f"ckpt={tmp_path}/checkpoints/last.ckpt"
