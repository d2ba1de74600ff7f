"""The files of a run, as far as they can be read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lossbook.records.run import (
    clear_record,
    holds_run,
    is_completed,
    read_config,
    read_metrics,
    write_config,
    write_failure,
    write_metrics,
)


def test_they_are_read_as_they_were_written(tmp_path: Path) -> None:
    assert not holds_run(tmp_path)
    write_config(tmp_path, {"seed": 0, "choices": {"loss": "nll"}})
    assert holds_run(tmp_path)
    assert read_config(tmp_path) == {"seed": 0, "choices": {"loss": "nll"}}
    write_metrics(tmp_path, {"status": "completed", "metrics": {"val/acc": 0.5, "val/loss": float("nan")}})
    assert read_metrics(tmp_path) == {"status": "completed", "metrics": {"val/acc": 0.5, "val/loss": None}}
    clear_record(tmp_path)
    assert read_metrics(tmp_path) is None
    assert read_config(tmp_path)["seed"] == 0


def test_a_failure_has_the_keys_of_any_record(tmp_path: Path) -> None:
    write_failure(tmp_path / "3", "killed", 1.23456, resumable=True)
    record = json.loads((tmp_path / "3" / "metrics.json").read_text())
    assert (record["status"], record["message"], record["resumable"]) == ("failed", "killed", True)
    assert (record["wall_time_s"], record["metrics"], record["primary"]) == (1.235, {}, None)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\0"])
def test_what_cannot_be_read_counts_as_missing(tmp_path: Path, text: str) -> None:
    (tmp_path / "metrics.json").write_text(text)
    (tmp_path / "config.yaml").write_text(text)
    assert (read_metrics(tmp_path), read_config(tmp_path)) == (None, {})


@pytest.mark.parametrize("text", ["", "{", '{"status": "failed"}', "{}"])
def test_only_a_record_that_says_so_is_of_a_completed_run(text: str, tmp_path: Path) -> None:
    assert not is_completed(tmp_path)
    (tmp_path / "metrics.json").write_text(text)
    assert not is_completed(tmp_path)
