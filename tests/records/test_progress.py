"""The progress file says how far a job is."""

from __future__ import annotations

from pathlib import Path

import pytest

from lossbook.records.progress import read_progress, remove_progress, write_progress


def test_it_is_read_as_it_was_written_until_it_is_removed(tmp_path: Path) -> None:
    assert read_progress(tmp_path) == (0, None)
    for progress in ((0, None), (3, 20)):
        write_progress(tmp_path, *progress)
        assert read_progress(tmp_path) == progress
    assert [path.name for path in tmp_path.iterdir()] == ["progress.json"]
    (tmp_path / ".progress.json.part").touch()  # of a job that was killed while writing
    remove_progress(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_gone_does_no_harm(tmp_path: Path) -> None:
    write_progress(tmp_path / "gone", 1, 2)
    remove_progress(tmp_path / "gone")
    assert read_progress(tmp_path / "gone") == (0, None)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"epoch": null, "epochs": 2}'])
def test_a_file_that_cannot_be_read_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "progress.json").write_text(text)
    assert read_progress(tmp_path) == (0, None)
