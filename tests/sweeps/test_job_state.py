"""How a job stands follows from its folder alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lossbook.sweeps.job_state import JobState, is_due, record_failure, state_of


def test_no_folder_is_waiting_and_a_folder_without_metrics_is_cut_short(tmp_path: Path) -> None:
    assert state_of(tmp_path / "0").status == "waiting"
    (tmp_path / "0").mkdir()
    assert state_of(tmp_path / "0").status == "waiting"
    (tmp_path / "0" / "config.yaml").touch()
    assert state_of(tmp_path / "0").status == "cut short"


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"metrics": {}}'])
def test_metrics_that_cannot_be_read_count_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "metrics.json").write_text(text)
    assert state_of(tmp_path).status == "cut short"


def test_a_failure_that_is_recorded_is_found_again(tmp_path: Path) -> None:
    written = record_failure(tmp_path / "3", "killed", 1.23456, resumable=True)
    assert state_of(tmp_path / "3") == written == JobState("failed", "killed", True)
    assert json.loads((tmp_path / "3" / "metrics.json").read_text())["wall_time_s"] == 1.235


@pytest.mark.parametrize(
    ("status", "without", "with_retry"),
    [
        ("waiting", True, True),
        ("cut short", True, True),
        ("interrupted", True, True),
        ("failed", False, True),
        ("completed", False, False),
        ("pruned", False, False),
    ],
)
def test_what_is_due(status: str, without: bool, with_retry: bool) -> None:
    assert (is_due(JobState(status), False), is_due(JobState(status), True)) == (without, with_retry)
