"""Around the jobs of a sweep: what is told before, what is run, what is said of it afterwards."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from lossbook.errors import UserError
from lossbook.records.sweep import SweepJob, SweepPlan
from lossbook.sweeps import sweep
from lossbook.sweeps.job_state import state_of
from lossbook.sweeps.locks import lock

PLAN = SweepPlan(
    ("scripts/train.py", "-m", "loss=mse,l1,ctc"),
    ("loss=mse,l1,ctc",),
    (),
    "/",
    ("loss",),
    (
        SweepJob(0, "loss=mse", ("loss=mse",)),
        SweepJob(1, "loss=l1", ("loss=l1",)),
        SweepJob(2, "loss=ctc", ("loss=ctc",), "loss=ctc with data=[digits]\n  It takes text."),
    ),
)


def ends(status: dict[int, str]) -> sweep.Launch:
    """Stands for a launcher: each job that it is given ends like this."""

    def launch(folder: Path, jobs: Sequence[SweepJob]) -> None:
        for job in jobs:
            (folder / str(job.number)).mkdir(exist_ok=True)
            record = {
                "status": status[job.number],
                "message": "why",
                "primary": "val/r2",
                "mode": "max",
                "wall_time_s": 1.0,
                "metrics": {"val/r2": 0.5 + job.number / 10, "val/loss": 1.0},
            }
            (folder / str(job.number) / "metrics.json").write_text(json.dumps(record))

    return launch


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    PLAN.write(tmp_path)
    return tmp_path


def test_all_that_is_allowed_runs_and_the_report_is_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep.run_sweep(folder, PLAN, ends({0: "completed", 1: "completed"}), retry=False, how="one process")
    out = capsys.readouterr().out
    assert "3  loss (3)" in out
    assert "refused 1" in out
    assert "          loss=ctc with data=[digits]\n            It takes text.\n" in out
    assert "2 completed" in out
    assert (folder / "report" / "README.md").exists()
    assert not (folder / "2").exists()


def test_failed_jobs_are_an_error_with_the_way_on(folder: Path) -> None:
    with pytest.raises(UserError) as caught:
        sweep.run_sweep(folder, PLAN, ends({0: "failed", 1: "completed"}), retry=False, how="one process")
    assert str(caught.value).splitlines() == [
        "1 of 2 jobs failed: #0.",
        "  The output of each is in its output.txt, the messages are in the report.",
        f"  Fix: python scripts/train.py sweep.resume={folder} sweep.retry=true",
    ]
    given: list[int] = []
    with pytest.raises(UserError):  # nothing is due: the failed job is left alone
        sweep.run_sweep(folder, PLAN, lambda _, jobs: given.extend(job.number for job in jobs), False, "one process")
    assert given == []
    sweep.run_sweep(folder, PLAN, ends({0: "completed"}), retry=True, how="one process")
    assert state_of(folder / "0").status == "completed"


def test_jobs_that_did_not_run_are_told(folder: Path) -> None:
    with pytest.raises(UserError, match=r"2 jobs of 2 have not ended: #0, #1\."):
        sweep.run_sweep(folder, PLAN, lambda _, jobs: None, retry=False, how="one process")


def test_what_breaks_a_sweep_off_is_raised_after_the_way_on(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def launch(folder: Path, jobs: Sequence[SweepJob]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep.run_sweep(folder, PLAN, launch, retry=False, how="one process")
    out = capsys.readouterr().out
    assert f"python scripts/train.py sweep.resume={folder}" in out
    assert "2 waiting" in out


def test_a_job_that_another_process_has_is_neither_run_nor_forgotten(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "0").mkdir()
    with lock(folder / "0").acquire(timeout=0), pytest.raises(UserError, match=r"1 job of 2 have not ended: #0\."):
        sweep.run_sweep(folder, PLAN, ends({1: "completed"}), retry=False, how="one process")
    assert "1 in another process; 1 job to run" in capsys.readouterr().out


def test_a_report_that_cannot_be_written_does_not_hide_the_metrics(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "report").mkdir()
    (folder / "report" / "README.md").write_text("# Mine\n")
    sweep.run_sweep(folder, PLAN, ends({0: "completed", 1: "completed"}), retry=False, how="one process")
    out = capsys.readouterr().out
    assert "2 completed" in out
    assert "is not a report" in out


@pytest.mark.parametrize("typed", [(), ("data=digits,diabetes",)])
def test_jobs_on_different_data_are_told_before_they_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], typed: tuple[str, ...]
) -> None:
    data = ["digits", "diabetes", "digits"]
    jobs = [
        SweepJob(at, f"seed={at}", (f"seed={at}", *(f"data={one}" for _ in typed)), None, one)
        for at, one in enumerate(data)
    ]
    plan = SweepPlan(("scripts/train.py", "-m"), ("seed=0,1,2", *typed), (), "/", ("seed",), tuple(jobs))
    plan.write(tmp_path)
    sweep.run_sweep(tmp_path, plan, ends(dict.fromkeys(range(3), "completed")), retry=False, how="one process")
    told = "each loss has its own default data, so these jobs are not all compared: digits (2), diabetes (1)"
    assert (told in capsys.readouterr().out) == (not typed)
