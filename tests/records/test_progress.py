"""The progress file exists while a job runs, and says how far it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from lossbook.records import progress
from lossbook.records.progress import progress_file, read_progress


def test_it_counts_epochs_and_is_removed_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_PERIOD_S", 0.0)
    with progress_file(tmp_path) as file:
        assert read_progress(tmp_path) == (0, None)
        file.update(3, 20)
        assert read_progress(tmp_path) == (3, 20)
        file.update(4, None)
        assert read_progress(tmp_path) == (4, None)
        assert [path.name for path in tmp_path.iterdir()] == ["progress.json"]
    assert list(tmp_path.iterdir()) == []


def test_short_epochs_are_not_all_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_PERIOD_S", 3600.0)
    with progress_file(tmp_path) as file:
        file.update(1, 20)
        file.update(2, 20)
        assert read_progress(tmp_path) == (1, 20)


def test_a_folder_that_is_gone_does_no_harm(tmp_path: Path) -> None:
    with progress_file(tmp_path / "gone") as file:
        file.update(1, 2)
    assert read_progress(tmp_path / "gone") == (0, None)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"epoch": null, "epochs": 2}'])
def test_a_file_that_cannot_be_read_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "progress.json").write_text(text)
    assert read_progress(tmp_path) == (0, None)
