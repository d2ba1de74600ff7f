"""A sweep's plan comes back from its file as it was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lossbook.errors import UserError
from lossbook.records.sweep import SweepJob, SweepPlan


def plan(*jobs: SweepJob) -> SweepPlan:
    return SweepPlan(("scripts/train.py", "-m", "seed=0,1"), ("seed=0,1",), (), "/", ("seed",), jobs)


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = plan(SweepJob(0, "seed=0", ("seed=0",)), SweepJob(1, "seed=1", ("seed=1",), "no\n  reason"))
    written.write(tmp_path)
    assert SweepPlan.read(tmp_path) == written
    assert [job.number for job in written.allowed] == [0]
    assert [path.name for path in tmp_path.iterdir()] == ["sweep.json"]


def test_a_folder_without_one_is_refused_with_a_sweep_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "sweeps" / "one").mkdir(parents=True)
    plan().write(tmp_path / "sweeps" / "one")
    with pytest.raises(UserError, match=r"sweep\.resume=.*sweeps/one"):
        SweepPlan.read(tmp_path / "sweeps" / "two")


def test_a_plan_of_another_version_is_refused(tmp_path: Path) -> None:
    plan().write(tmp_path)
    (tmp_path / "sweep.json").write_text((tmp_path / "sweep.json").read_text().replace('"version": 1', '"version": 2'))
    with pytest.raises(UserError, match="another version"):
        SweepPlan.read(tmp_path)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"jobs": [{"number": 0}]}', '{"jobs": 3}', json.dumps({"version": 1, "jobs": []})]
)
def test_a_file_that_is_not_one_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "sweep.json").write_text(text)
    with pytest.raises(UserError, match="cannot be read"):
        SweepPlan.read(tmp_path)


def test_a_report_reads_a_plan_without_what_resuming_needs(tmp_path: Path) -> None:
    values = {"version": 1, "varied": ["seed"], "jobs": [{"number": 0, "name": "", "overrides": ["seed=0"]}]}
    (tmp_path / "sweep.json").write_text(json.dumps(values))
    assert SweepPlan.find(tmp_path) == SweepPlan((), (), (), "", ("seed",), (SweepJob(0, "", ("seed=0",)),))
    with pytest.raises(UserError, match="cannot be read"):
        SweepPlan.read(tmp_path)
    assert SweepPlan.find(tmp_path / "there") is None
