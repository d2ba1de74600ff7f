from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lossbook.composing.folders import claim, discard, discarding, missing, run_base, sweep_base


def test_nobody_shares_a_folder(tmp_path: Path):
    with ThreadPoolExecutor(8) as pool:
        claimed = list(pool.map(lambda _: claim(tmp_path / "a" / "run"), range(20)))
    assert {folder.name for folder in claimed} == {"run", *(f"run-{number}" for number in range(2, 21))}
    assert all(folder.is_dir() for folder in claimed)


def test_names_say_loss_optimizer_and_time():
    assert re.fullmatch(
        r"outputs/ctc-adam/\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d", run_base({"loss": "ctc", "optim": "adam"}).as_posix()
    )
    assert run_base({"loss": "mine/ctc", "optim": "adam"}).parent.name == "mine_ctc-adam"
    assert re.fullmatch(r"outputs/sweeps/\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d", sweep_base().as_posix())


def test_what_a_mkdir_would_make(tmp_path: Path):
    assert missing(tmp_path / "a" / "b") == [tmp_path / "a" / "b", tmp_path / "a"]
    assert missing(tmp_path) == []


def test_only_what_holds_nothing_is_discarded(tmp_path: Path):
    for name in ("empty", "sweep", "run"):
        (tmp_path / name).mkdir()
    (tmp_path / "sweep" / "multirun.yaml").touch()
    (tmp_path / "run" / "config.yaml").touch()
    for name in ("empty", "sweep", "run", "never"):
        discard(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_folders_are_discarded_from_within(tmp_path: Path):
    folders: list[Path] = []
    with discarding(folders):
        folders += missing(tmp_path / "a" / "b")
        (tmp_path / "a" / "b").mkdir(parents=True)
    assert not list(tmp_path.iterdir())
