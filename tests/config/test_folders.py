from __future__ import annotations

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lossbook.config import folders as module
from lossbook.config.folders import (
    claim,
    claimed,
    discard,
    discarding,
    going_on,
    missing,
    run_base,
    sweep_base,
)
from lossbook.errors import UserError


def test_nobody_shares_a_folder(tmp_path: Path):
    with ThreadPoolExecutor(8) as pool:
        claimed = list(pool.map(lambda _: claim(tmp_path / "a" / "run"), range(20)))
    assert {folder.name for folder in claimed} == {"run", *(f"run-{number}" for number in range(2, 21))}
    assert all(folder.is_dir() for folder in claimed)


def test_no_two_runs_have_a_folder_at_once_and_none_takes_that_of_another(tmp_path: Path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").touch()
    with claimed(tmp_path / "run") as first, claimed(tmp_path / "run") as second:
        assert (first.name, second.name) == ("run", "run-2")
        discard(second)
        assert second.is_dir()  # it is empty, and another one's
    with claimed(tmp_path / "run") as again:
        assert again.name == "run"  # nothing came of it
        (again / "config.yaml").touch()
    with claimed(tmp_path / "run") as other:
        assert other.name == "run-2"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["config.yaml", "notes.txt", "run", "run-2"]


def test_of_many_that_start_at_once_each_gets_a_folder(tmp_path: Path):
    def run(_: int) -> str:
        with claimed(tmp_path / "run") as folder:
            (folder / "config.yaml").touch(exist_ok=False)
        return folder.name

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(run, range(20)))) == 20


def test_a_run_that_goes_on_is_alone_and_a_killed_one_leaves_its_folder_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    code = "import sys, time; from pathlib import Path; from lossbook.config.folders import going_on\n"
    code += "with going_on(Path(sys.argv[1])): print('has it', flush=True); time.sleep(1000)"
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "has it\n"
        monkeypatch.setattr(module, "_PATIENCE_S", 0.0)
        with pytest.raises(UserError, match="Another process is training in this folder"), going_on(tmp_path):
            pass
        other.kill()
        other.wait()
    with going_on(tmp_path):
        pass


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no processes that inherit descriptors")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_what_a_run_has_forked_does_not_keep_its_folder(tmp_path: Path):
    (begun, begin), (end, ended) = os.pipe(), os.pipe()
    with going_on(tmp_path):
        if (child := os.fork()) == 0:
            os.write(begin, b"1")
            os.read(end, 1)
            os._exit(0)
        os.read(begun, 1)
        os.close(next(iter(module._descriptors)))  # as a kill would, without a word to the child
        assert os.open(tmp_path, os.O_RDONLY) in module._descriptors  # the same number, which is closed again below
        with going_on(tmp_path):
            pass
    os.write(ended, b"1")
    os.waitpid(child, 0)
    for descriptor in (begun, begin, end, ended):
        os.close(descriptor)


def test_a_file_in_the_place_of_a_folder_is_refused(tmp_path: Path):
    (tmp_path / "run").touch()
    with pytest.raises(UserError, match="run cannot be created: File exists"), claimed(tmp_path / "run"):
        pass


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
