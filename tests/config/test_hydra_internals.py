"""Hydra's part of composing."""

from __future__ import annotations

from pathlib import Path

from hydra.core.global_hydra import GlobalHydra
from hydra.version import VersionBase
from omegaconf import OmegaConf

from lossbook.config.hydra_internals import reader, register, with_hydra
from lossbook.config.options import conf_folder


def test_values_and_choices_with_interpolations_left_as_they_are() -> None:
    config, choices = with_hydra(["loss=ctc", "optim.lr=0.5"], [conf_folder()])
    values = OmegaConf.to_container(config)
    assert isinstance(values, dict)
    assert choices["data"] == "digit_lines"
    assert values["optim"]["lr"] == 0.5
    assert values["data"]["source"]["seed"] == "${data.seed}"


def test_hydras_global_state_is_left_as_it_was() -> None:
    before = VersionBase.instance().version_base
    with_hydra([], [conf_folder()])
    assert VersionBase.instance().version_base == before
    assert not GlobalHydra.instance().is_initialized()


def test_a_reader_reads_a_file_once_and_keeps_what_it_read(tmp_path: Path) -> None:
    own = tmp_path / "optim" / "own.yaml"
    own.parent.mkdir()
    own.write_text("# @package _global_\noptim: {_target_: torch.optim.SGD, lr: 1}\ndata: {batch_size: 8}\n")
    read = reader([conf_folder(), tmp_path])
    for overrides, lr in ((["optim.lr=2"], 2), ([], 1), (["~optim.lr"], None), ([], 1)):  # in turn, on the same file
        config, _ = read(["optim=own", *overrides])
        assert config.optim.get("lr") == lr
    own.write_text("# @package _global_\noptim: {_target_: torch.optim.SGD, lr: 3}\n")
    assert read(["optim=own"])[0].optim.lr == 1
    assert with_hydra(["optim=own"], [conf_folder(), tmp_path])[0].optim.lr == 3


def test_a_resolver_takes_the_place_of_one_that_had_its_name() -> None:
    for answer in ("one", "two"):
        register("lossbook.test", lambda answer=answer: answer)
        assert OmegaConf.create({"a": "${lossbook.test:}"}).a == answer
    OmegaConf.clear_resolver("lossbook.test")
