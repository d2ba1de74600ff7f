"""Sweeps as a user runs them: faults, resuming, SIGKILL, Hydra's launchers, several processes a job."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow
TRAIN = Path(__file__).parents[2] / "scripts" / "train.py"
TINY = ["data=digits", "data.limit=40", "data.batch_size=20", "trainer.max_epochs=2", "trainer.accelerator=cpu"]
FAULTY = """
import os, signal, time
from pathlib import Path
import torch
from torch.nn import functional as F

def faulty(input, target, fate: str):
    if Path("fixed").exists() or fate == "well" or not torch.is_grad_enabled():
        return F.cross_entropy(input, target)
    if fate == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if fate == "hangs":
        time.sleep(1000)
    raise ZeroDivisionError("the user's own")
"""


def begin(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "default"}
    return subprocess.Popen(
        [sys.executable, str(TRAIN), *arguments],
        cwd=folder,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def sweep(folder: Path, *arguments: str) -> tuple[int, str, str]:
    process = begin(folder, *arguments)
    try:
        out, err = process.communicate(timeout=300)
    finally:
        process.kill()
    return process.returncode, out, err


def records(folder: Path) -> dict[int, dict[str, Any]]:
    return {int(path.parent.name): json.loads(path.read_text()) for path in folder.glob("[0-9]*/metrics.json")}


def status(folder: Path) -> list[str]:
    return [record["status"] for _, record in sorted(records(folder).items())]


def test_what_fails_fails_alone_and_is_run_again_when_asked(tmp_path: Path) -> None:
    (tmp_path / "mine" / "loss").mkdir(parents=True)
    (tmp_path / "faulty.py").write_text(FAULTY)
    option = 'criterion: {_target_: faulty.faulty, fate: "well"}\naccepts: {class: index}\n'
    (tmp_path / "mine" / "loss" / "faulty.yaml").write_text(option)
    arguments = ["--config-dir", "mine", "-m", "loss=faulty", "loss.criterion.fate=raises,killed,hangs,well", *TINY]
    code, out, err = sweep(tmp_path, *arguments, "hydra.sweep.dir=mine/sweep", "sweep.timeout=8")
    assert code == 1
    assert err.startswith("3 of 4 jobs failed: #0, #1, #2.")
    assert "Traceback" not in err
    messages = [record.get("message", "") for _, record in sorted(records(tmp_path / "mine/sweep").items())]
    assert messages[0] == "ZeroDivisionError: the user's own"
    assert "SIGKILL" in messages[1]
    assert messages[2] == "Not finished after 8 s, the timeout."
    assert all(message in out for message in messages)
    readme = (tmp_path / "mine/sweep/report/README.md").read_text()
    assert "the user's own" in readme
    (tmp_path / "fixed").touch()
    code, _, err = sweep(tmp_path, "sweep.resume=mine/sweep")
    assert (code, err.splitlines()[0]) == (1, "3 of 4 jobs failed: #0, #1, #2.")  # left alone until it is asked for
    code, out, err = sweep(tmp_path, "sweep.resume=mine/sweep", "sweep.retry=true")
    assert (code, err) == (0, "")
    assert status(tmp_path / "mine/sweep") == ["completed"] * 4
    metrics = [record["metrics"] for record in records(tmp_path / "mine/sweep").values()]
    assert all(one == metrics[0] for one in metrics)


def test_a_sweep_that_is_killed_takes_its_job_along_and_goes_on_to_the_same_metrics(tmp_path: Path) -> None:
    arguments = ["-m", "loss=mse,nll", *TINY, "trainer.max_epochs=40"]
    process = begin(tmp_path, *arguments, "hydra.sweep.dir=killed")
    while not (tmp_path / "killed/0/checkpoints/last.ckpt").exists():
        time.sleep(0.02)
        assert process.poll() is None, process.communicate()  # which ends by itself at some time
    process.send_signal(signal.SIGKILL)
    process.communicate()
    time.sleep(1.0)
    left = {path: path.stat().st_mtime_ns for path in (tmp_path / "killed").rglob("*") if path.is_file()}
    time.sleep(0.5)
    assert left == {path: path.stat().st_mtime_ns for path in (tmp_path / "killed").rglob("*") if path.is_file()}
    assert status(tmp_path / "killed") == []
    # two at once: each job is run by one of them
    both = [begin(tmp_path, "sweep.resume=killed") for _ in range(2)]
    outputs = [process.communicate(timeout=300) for process in both]
    assert 0 in [process.returncode for process in both], outputs
    assert sweep(tmp_path, *arguments, "hydra.sweep.dir=quiet")[0] == 0
    assert status(tmp_path / "killed") == ["completed"] * 2
    for number, record in records(tmp_path / "quiet").items():
        assert records(tmp_path / "killed")[number]["metrics"] == record["metrics"]
    commands = [path.read_text().count("$ python") for path in sorted((tmp_path / "killed").glob("*/output.txt"))]
    assert commands == [2, 1]


def test_joblib_runs_jobs_beside_each_other_with_a_thread_each(tmp_path: Path) -> None:
    code, out, err = sweep(
        tmp_path, "-m", "loss=mse,ctc", "seed=0,1", *TINY, "hydra/launcher=joblib", "hydra.launcher.n_jobs=2",
        "hydra.sweep.dir=sweep",
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert "refused 2" in out
    assert "2 processes in parallel" in out
    assert status(tmp_path / "sweep") == ["completed"] * 2
    for number in (0, 1):
        assert "1 thread" in (tmp_path / f"sweep/{number}/output.txt").read_text()
    names = sorted(path.parent.name for path in tmp_path.rglob("events.out.tfevents*") if "outcome" not in path.name)
    assert names == ["loss=mse,seed=0", "loss=mse,seed=1"]


@pytest.mark.parametrize(
    ("launcher", "stopped_by"),
    [(["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"], signal.SIGINT), ([], signal.SIGTERM)],
)
def test_who_stops_a_sweep_finds_all_of_it_saved(
    tmp_path: Path, launcher: list[str], stopped_by: signal.Signals
) -> None:
    process = begin(tmp_path, "-m", "seed=0,1", *TINY, "trainer.max_epochs=2000", *launcher, "hydra.sweep.dir=sweep")
    at_once = ["sweep/0", "sweep/1"] if launcher else ["sweep/0"]
    while not all((tmp_path / folder / "checkpoints/last.ckpt").exists() for folder in at_once):
        time.sleep(0.02)
        assert process.poll() is None, process.communicate()
    process.send_signal(stopped_by)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + stopped_by
    assert "runs are saved after this step" in err
    assert "go on   python" in out
    assert status(tmp_path / "sweep") == ["interrupted"] * len(at_once)


@pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")
def test_a_launchers_process_that_is_killed_ends_its_job_alone(tmp_path: Path) -> None:
    arguments = ["-m", "trainer.max_epochs=2,3000", "seed=0", *(one for one in TINY if "epochs" not in one)]
    process = begin(tmp_path, *arguments, "hydra/launcher=submitit_local", "hydra.sweep.dir=sweep")
    while not (tmp_path / "sweep/1/checkpoints/last.ckpt").exists():
        time.sleep(0.02)
        assert process.poll() is None, process.communicate()
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            words = place.read_bytes().split(b"\0")
            if b"submitit.core._submit" in words and any(str(tmp_path).encode() in word for word in words):
                mine = _trains(int(place.parent.name), tmp_path / "sweep/1")
                if mine:
                    os.kill(int(place.parent.name), signal.SIGKILL)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert err.startswith("UncompletedJobError: Job ")
    assert err.splitlines()[1] == "1 of 2 jobs failed: #1."
    assert "was ended from outside" in out
    assert status(tmp_path / "sweep") == ["completed", "failed"]
    assert records(tmp_path / "sweep")[1]["resumable"]


def _trains(process: int, folder: Path) -> bool:
    """Whether a child of this process has the job of this folder: it prints there."""
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == process and os.readlink(place / "fd/1") == str(folder / "output.txt"):
                return True
    return False


def test_submitit_runs_jobs_as_on_a_cluster(tmp_path: Path) -> None:
    code, _, err = sweep(
        tmp_path, "-m", "loss=mse,nll", *TINY, "hydra/launcher=submitit_local", "hydra.sweep.dir=a sweep"
    )
    assert (code, err) == (0, "")
    assert status(tmp_path / "a sweep") == ["completed"] * 2


def test_the_processes_of_a_job_join_it_and_do_not_start_the_sweep_again(tmp_path: Path) -> None:
    several = ["trainer.devices=2", "trainer.strategy=ddp"]
    code, _, err = sweep(tmp_path, "-m", "loss=mse,nll", *TINY, *several, "hydra.sweep.dir=sweep")
    assert (code, err) == (0, "")
    assert status(tmp_path / "sweep") == ["completed"] * 2
    assert "2 processes" in (tmp_path / "sweep/1/output.txt").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sweep"]
    assert len(list((tmp_path / "sweep").rglob("config.yaml"))) == 2
    recipe = ["experiment=lr_sweep", "optim.lr=0.1", "seed=0", *TINY, *several, "hydra.sweep.dir=recipe"]
    assert sweep(tmp_path, *recipe)[0] == 0
    assert status(tmp_path / "recipe") == ["completed"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["recipe", "sweep"]  # and no sweep of a process's own
    # killed after the last step: what is left to do is the test
    before = records(tmp_path / "sweep")[1]["metrics"]
    (tmp_path / "sweep/1/metrics.json").unlink()
    code, _, err = sweep(tmp_path, "sweep.resume=sweep")
    assert (code, err) == (0, "")
    assert records(tmp_path / "sweep")[1]["metrics"] == before


def test_a_sweep_may_stop_at_the_first_error(tmp_path: Path) -> None:
    arguments = ["-m", "model._target_=lossbook.models.cnn.Missing,lossbook.models.cnn.CNN", "loss=mse", *TINY]
    code, _, err = sweep(tmp_path, *arguments, "sweep.on_error=stop", "hydra.sweep.dir=sweep")
    assert code == 1
    assert err.startswith("1 of 2 jobs failed: #0.")
    assert status(tmp_path / "sweep") == ["failed"]
    assert sweep(tmp_path, "sweep.resume=sweep")[0] == 1
    assert status(tmp_path / "sweep") == ["failed", "completed"]


@pytest.mark.parametrize(
    ("arguments", "first"),
    [
        (["-m", "optim.lr=interval(0.1,1)"], "optim.lr=interval(0.1,1)"),
        (["-m", "loss=crossentropy,mse"], "loss=crossentropy"),
        (["-m", "loss=ctc", "data=digits,diabetes"], "None of these 2 jobs fits together."),
        (["sweep.timeout=3"], "sweep.timeout=3"),
        (["-m", "sweep.timeot=3"], "sweep.timeot=3"),
        (["sweep.resume=nowhere"], "nowhere holds no sweep.json."),
        (["-m", "sweep.resume=nowhere", "seed=1,2"], "nowhere holds no sweep.json."),
        (["-m", "seed=1,2", "sweep.retry=true"], "sweep.retry=true without sweep.resume."),
        (["-m", "seed=1,2", "hydra/launcher=jobslib"], "hydra/launcher=jobslib"),
        (["-m", "seed=1,2", "++hydra.sweep.subdir=b"], "++hydra.sweep.subdir=b"),
        (["-m", "seed=1,2", "hydra.sweeper.on_error=stpo"], "hydra.sweeper.on_error=stpo"),
        (["-m", "loss=glob(zzz*)"], "loss=glob(zzz*)"),
        (["experiment=lr_sweep", "ckpt=some.ckpt"], "experiment=lr_sweep ckpt=some.ckpt"),
        (["-m", "seed=1,2", "hydra/sweeper=basic", "sweep.timeout=3"], "sweep.timeout with hydra/sweeper=basic"),
        (["--cfg", "job", "-m", "seed=1,2"], "--cfg job -m"),
    ],
)
def test_mistakes_are_told_before_anything_is_written(tmp_path: Path, arguments: list[str], first: str) -> None:
    code, _, err = sweep(tmp_path, *arguments)
    assert code == 1
    assert err.startswith(first), err
    assert len(err.splitlines()) <= 4
    assert list(tmp_path.iterdir()) == []
