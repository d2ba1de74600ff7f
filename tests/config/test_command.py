from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lossbook.config.check import check
from lossbook.config.command import Request, command
from lossbook.config.folders import claim, run_base
from lossbook.config.resolve import plain
from lossbook.errors import refuse

Run = Callable[..., tuple[int, str, str]]
seen: list[tuple[Any, Path | None]] = []


def job(request: Request) -> dict[str, float]:
    """Stands for training: seed 13 is unlucky, 14 is refused for its data, all others write one file."""
    config, folder = request.config, request.folder
    check(plain(config), request.options)
    seen.append((config, folder))
    if config.seed == 13:
        raise ZeroDivisionError("unlucky")
    if config.seed == 14:
        raise refuse("seed=14", "These data are not there.", "other data")
    (folder or claim(run_base(config.choices))).joinpath("config.yaml").touch()
    return {}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Calls the command as a script would, in an empty folder; gives exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    seen.clear()

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["scripts/train.py", *arguments])
        code = command("train", job)
        assert sys.argv[1:] == list(arguments)
        assert "HYDRA_FULL_ERROR" not in os.environ
        return (code, *capsys.readouterr())

    return run


def tree(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() or not any(path.iterdir())
    )


def test_a_run_gets_the_finished_config_and_claims_its_own_folder(run: Run, tmp_path: Path):
    code, _, err = run("loss=ctc", "optim.lr=1")
    assert (code, err) == (0, "")
    ((config, folder),) = seen
    assert folder is None
    assert (config.choices.data, config.optim.lr, list(config.overrides)) == (
        "digit_lines",
        1,
        ["loss=ctc", "optim.lr=1"],
    )
    (left,) = tree(tmp_path)
    assert re.fullmatch(r"outputs/ctc-adam/[\d_-]+/config.yaml", left)


@pytest.mark.parametrize(
    ("arguments", "first"),
    [
        (["loss=ctcc"], "loss=ctcc"),
        (["optim.lrr=1"], "optim.lrr=1"),
        (["seed=one"], "seed=one"),
        (["data=mnist"], "data=mnist"),
        (["loss=mse,l1"], "loss=mse,l1"),
        (["loss=ctc", "data=digits"], "loss=ctc with data=digits"),
        (["optim.lr=${sed}"], "optim.lr=${sed}"),
        (["--multrun"], "--multrun"),
        (["--cfg", "jobs"], "--cfg jobs"),
        (["-sc", "install=fish"], "-sc install=fish"),
        (["hydra.run.dir=/proc/x"], "hydra.run.dir=/proc/x"),
        (["-m", "hydra.sweep.dir=/proc/x", "seed=1,2"], "hydra.sweep.dir=/proc/x"),
        (["--config-dir", "nowhere"], "--config-dir"),
        (["-m", "loss=ctcc,mse"], "loss=ctcc"),
        (["-m", "ckpt=last.ckpt"], "-m ckpt=last.ckpt"),
        (["hydra.run.dir=mine/run", "optim.lrr=1"], "optim.lrr=1"),
        (["hydra.run.dir=mine/run", "seed=one"], "seed=one"),
        (["hydra.run.dir=mine/run", "seed=14"], "seed=14"),
        (["hydra.run.dri=mine/run"], "hydra.run.dri=mine/run"),
    ],
)
def test_a_mistake_takes_four_lines_at_most_and_leaves_nothing(
    run: Run, tmp_path: Path, arguments: list[str], first: str
):
    code, _, err = run(*arguments)
    assert code == 1
    assert err.startswith(first)
    assert len(err.splitlines()) <= 4
    assert tree(tmp_path) == []


def test_a_traceback_comes_when_it_is_asked_for(run: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    with pytest.raises(Exception, match="ctcc"):
        run("loss=ctcc")


def test_what_is_no_mistake_of_the_users_is_raised_without_hydras_frames(run: Run):
    with pytest.raises(ZeroDivisionError) as caught:
        run("seed=13")
    assert not any("/hydra/" in str(entry.path) for entry in caught.traceback)


def test_the_users_folder_is_respected(run: Run, tmp_path: Path):
    assert run("hydra.run.dir=mine/run")[0] == 0
    assert seen[0][1] == Path("mine/run")  # as it is shown: relative to the working folder
    assert tree(tmp_path) == ["mine/run/config.yaml"]


def test_a_folder_that_was_there_stays(run: Run, tmp_path: Path):
    (tmp_path / "mine").mkdir()
    run("hydra.run.dir=mine/run", "seed=14")
    assert tree(tmp_path) == ["mine"]


def test_in_a_sweep_one_failure_is_told_at_once_and_the_others_go_on(run: Run, tmp_path: Path):
    code, _, err = run("loss=ctc,mse", "-m", "data=digits", "seed=1,13")
    assert code == 1
    assert [(config.choices.loss, config.seed) for config, _ in seen] == [("mse", 1), ("mse", 13)]
    assert "Job #0 (loss=ctc data=digits seed=1) failed:\nloss=ctc with data=digits" in err
    assert "ZeroDivisionError: unlucky" in err
    assert err.splitlines()[-1].startswith("3 of 4 jobs failed: #0 (")
    assert "Error executing job" not in err
    left = [path.partition("/")[2].partition("/")[2] for path in tree(tmp_path)]
    assert [path.partition("/")[2] for path in left] == ["2/config.yaml", "multirun.yaml"]
    assert re.fullmatch(r"outputs/sweeps/[\d_-]+", seen[0][1].parent.as_posix())  # type: ignore[union-attr]


def test_a_sweep_whose_jobs_are_all_refused_leaves_nothing(run: Run, tmp_path: Path):
    assert run("-m", "loss=ctc", "data=digits,diabetes")[0] == 1
    assert tree(tmp_path) == []


def test_two_sweeps_of_one_second_have_folders_of_their_own(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("lossbook.config.folders._now", lambda: "now")
    run("-m", "seed=1")
    run("-m", "seed=1", "hydra.sweep.dir=mine")
    run("-m", "seed=1")
    assert {path.rpartition("/")[0] for path in tree(tmp_path) if path.endswith("multirun.yaml")} == {
        "outputs/sweeps/now",
        "outputs/sweeps/now-2",
        "mine",
    }


def test_an_option_of_the_users_own(run: Run, config_dir: Path):
    code, _, err = run("--config-dir", str(config_dir), "optim=warm", "data=digits")
    assert (code, err) == (0, "")
    assert seen[0][0].choices.optim == "warm"


def test_a_checkpoint_goes_on_and_what_is_put_on_top_is_printed(run: Run, tmp_path: Path):
    import torch

    from lossbook import compose
    from lossbook.config.resume import to_save

    saved = to_save(compose("loss=ctc", "optim.lr=0.5"))
    torch.save({"state_dict": {}, "lossbook": {"config": saved}}, tmp_path / "a=b.ckpt")
    code, out, err = run("ckpt=a=b.ckpt", "optim.eps=1e-3", "hydra.run.dir=mine")
    assert (code, err) == (0, "")
    assert "a=b.ckpt: everything as it was, but for optim.eps=1e-3\n" in out
    config = seen[0][0]
    assert (config.ckpt, config.choices.loss, config.optim.lr, config.optim.eps) == ("a=b.ckpt", "ctc", 0.5, 0.001)
    code, _, err = run("ckpt=a=b.ckpt", "optim.epz=1e-3")
    assert (code, err.splitlines()[-1]) == (1, "  Fix: optim.eps=1e-3")
    code, out, _ = run("ckpt=a=b.ckpt", "--cfg", "job")
    assert (code, "loss: ctc" in out) == (0, True)


def test_cfg_job_shows_the_finished_config(run: Run):
    code, out, _ = run("--cfg", "job", "loss=ctc", "hydra.run.dir=x")
    assert (code, out.splitlines()[0]) == (0, "loss:")
    assert "choices:\n  loss: ctc\n" in out
    assert not seen
    assert run("--cfg", "job", "seed=one")[0] == 1


@pytest.mark.parametrize(
    ("flags", "fix"),
    [
        (["--resolve"], ["--cfg", "job", "--resolve"]),
        (["--package", "optim"], ["--cfg", "job", "--package", "optim"]),
        (["--cfg", "job", "--package", "optm"], ["--cfg", "job", "--package", "optim"]),
        (["--cfg"], ["--cfg", "job"]),
        (["--hydra-help", "loss=ctc"], ["--hydra-help"]),
        (["--experimental-rerun", "x.pickle"], None),
        (["--config-path", "x"], None),
        (["-sc", "x"], None),
    ],
)
def test_flags_without_effect_are_refused_and_the_fix_works(run: Run, flags: list[str], fix: list[str] | None):
    code, _, err = run(*flags)
    assert (code, "Traceback" in err) == (1, False)
    if fix is not None:
        assert f"Fix: {' '.join(fix)}\n" in err
        if "--hydra-help" not in fix:  # which exits by itself
            assert run(*fix)[0] == 0


def test_cfg_shows_a_part_and_all_resolved(run: Run):
    assert run("--cfg", "job", "-p", "optim.betas")[1] == "# @package optim.betas\n- 0.9\n- 0.999\n"
    assert "max_epochs: 30\n" in run("--cfg", "job", "-p", "trainer", "--resolve")[1]
