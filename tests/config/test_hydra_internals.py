"""The private names of Hydra and OmegaConf, each with what breaks without it, and what is made of them."""

from __future__ import annotations

import importlib
import inspect
from argparse import Namespace
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hydra.core.global_hydra import GlobalHydra
from hydra.version import VersionBase
from omegaconf import OmegaConf

from lossbook.config import hydra_internals
from lossbook.config.arguments import parse
from lossbook.config.hydra_internals import (
    apply_overrides,
    combinations,
    flags_parser,
    nodes,
    reader,
    register,
    run_hydra,
    with_hydra,
)
from lossbook.config.options import conf_folder

LOADER = "hydra._internal.config_loader_impl.ConfigLoaderImpl"
BREAKS = {
    f"{LOADER}.validate_sweep_overrides_legal": "loss=mse,l1 without -m is not refused",
    f"{LOADER}._load_single_config": "the plan of a sweep reads each option file again for every job",
    f"{LOADER}._compose_config_from_defaults_list": "nothing can be composed",
    f"{LOADER}._apply_overrides_to_config": "no value on the command line is applied",
    "hydra._internal.config_repository.CachingConfigRepository": "nothing can be composed",
    "hydra._internal.defaults_list.create_defaults_list": "nothing can be composed",
    "hydra._internal.utils.create_config_search_path": "no folder of options is found",
    "hydra._internal.utils.get_args_parser": "no flag (--help, -m) is read",
    "hydra._internal.core_plugins.basic_sweeper.BasicSweeper.split_arguments": "a sweep has no jobs",
    "hydra._internal.hydra.Hydra.create_main_hydra2": "no help, no sweep, no completion",
    "hydra._internal.hydra.Hydra.app_help": "--help fails",
    "hydra._internal.hydra.Hydra.hydra_help": "--hydra-help fails",
    "hydra._internal.hydra.Hydra.shell_completion": "the tab key completes nothing",
    "hydra._internal.hydra.Hydra.show_info": "--info fails",
    "hydra._internal.hydra.Hydra.show_cfg": "--cfg hydra fails",
    "hydra._internal.hydra.Hydra.get_mode": "an option file cannot ask for a sweep (hydra.mode)",
    "hydra._internal.hydra.Hydra.run": "a single run with settings of Hydra's fails",
    "hydra._internal.hydra.Hydra.multirun": "no sweep runs",
    "hydra.version._get_version": "Hydra 1.4 warns of its own rules",
    "omegaconf.DictConfig._get_node": "a composed config is copied, or loses its interpolations",
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_private_name_is_there(name: str) -> None:
    module, found = name, None
    while found is None:  # the longest module that there is, then its attributes
        module = module.rpartition(".")[0]
        with suppress(ImportError):
            found = importlib.import_module(module)
    for part in name.removeprefix(f"{module}.").split("."):
        found = getattr(found, part, None)
    assert found is not None, f"Without {name}, {BREAKS[name]}."


def test_every_internal_module_is_in_the_table() -> None:
    text = inspect.getsource(hydra_internals)
    for line in text.splitlines():
        if "import" in line and "._internal" in line:
            _, module, _, name = line.split()
            assert any(known.startswith(f"{module}.{name}") for known in BREAKS), line


def test_flags_are_known_by_name() -> None:
    _, known = flags_parser()
    assert {"--help", "-m", "--config-dir", "-sc"} <= known.keys()
    assert list(known["--cfg"].choices) == ["job", "hydra", "all"]


def test_nodes_keep_their_interpolations() -> None:
    config = OmegaConf.create({"a": 1, "b": "${a}"})
    assert OmegaConf.create(dict(nodes(config))).b == 1
    assert OmegaConf.to_container(OmegaConf.create(dict(nodes(config))), resolve=False) == {"a": 1, "b": "${a}"}


def test_overrides_are_applied_in_place() -> None:
    config = OmegaConf.create({"optim": {"lr": 1}})
    apply_overrides(parse(["optim.lr=2", "+optim.eps=3"]), config)
    assert config == {"optim": {"lr": 2, "eps": 3}}


def test_every_combination_the_last_one_fastest() -> None:
    jobs = combinations(parse(["loss=mse,l1", "seed=range(2)", "logger=[csv]"]))
    assert [" ".join(job) for job in jobs] == [
        "loss=mse seed=0 logger=[csv]",
        "loss=mse seed=1 logger=[csv]",
        "loss=l1 seed=0 logger=[csv]",
        "loss=l1 seed=1 logger=[csv]",
    ]


@pytest.mark.parametrize("mode", ["RUN", "MULTIRUN"])
def test_hydra_runs_a_task_once_or_for_each_job(mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "train.yaml").write_text("seed: 0\nhydra: {output_subdir: null, run: {dir: .}}\n")
    shows = dict.fromkeys(("help", "hydra_help", "shell_completion", "info", "cfg", "config_name"))
    seen: list[Any] = []
    given = ["seed=1,2", "hydra.sweep.dir=s"] if mode == "MULTIRUN" else ["seed=3"]
    ours = ["hydra/hydra_logging=none", "hydra/job_logging=none"]
    flags = Namespace(**shows, multirun=mode == "MULTIRUN")
    run_hydra(flags, [*given, *ours], [tmp_path / "conf"], lambda config: seen.append(config.seed))
    assert seen == ([1, 2] if mode == "MULTIRUN" else [3])
    assert not GlobalHydra.instance().is_initialized()


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
