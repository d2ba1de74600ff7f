"""A file is written whole, or what was there stays; nothing else is left behind."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lossbook.errors import UserError
from lossbook.files import unwritten, write_whole


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_whole(tmp_path / "deep" / "last.ckpt", lambda memory: memory.write(b"good"))
    return tmp_path / "deep" / "last.ckpt"


def test_folders_are_made_and_a_file_is_replaced(file: Path) -> None:
    write_whole(file, lambda memory: memory.write(b"better"))
    assert file.read_bytes() == b"better"
    assert os.listdir(file.parent) == ["last.ckpt"]


@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_broken_off_at_any_moment_the_good_file_stays(file: Path, moment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise KeyboardInterrupt

    before = file.read_bytes()
    monkeypatch.setattr(os, moment, fail)
    with pytest.raises(KeyboardInterrupt):
        write_whole(file, lambda memory: memory.write(b"new"))
    assert file.read_bytes() == before
    assert os.listdir(file.parent) == ["last.ckpt"]


def test_what_cannot_be_written_is_told_with_the_fix(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError) as caught:
        write_whole(file, lambda memory: memory.write(b"new"))
    (problem,) = caught.value.problems
    assert problem.given.endswith("last.ckpt could not be written: No space left on device.")
    assert problem.rule.endswith("is unchanged.")
    assert problem.fix.startswith("free disk space")
    assert file.read_bytes() == b"good"


def test_it_needs_no_torch() -> None:
    code = "import sys, lossbook.files; raise SystemExit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "No space left"),
        (OSError(errno.EROFS, "Read-only file system", b"run/events"), "run/events could not be written: Read-only"),
        (FileNotFoundError(errno.ENOENT, "No such file", "elsewhere/image.png"), None),  # of the data
        (ValueError("no file at all"), None),
    ],
)
def test_what_could_not_be_written_is_known_by_its_error(error: Exception, said: str | None, tmp_path: Path) -> None:
    found = unwritten(error, tmp_path)
    assert found is None if said is None else said in str(found)
    if isinstance(error, OSError):
        assert "is gone" in str(unwritten(error, tmp_path / "taken"))


def test_a_disk_that_fills_up_is_told_after_everything_was_counted(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.BytesIO):
        def write(self, data: Any) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("builtins.open", lambda *_: Full())
    with pytest.raises(UserError, match=r"No space left on device.\n  3.0 MB must fit there. .*is unchanged"):
        write_whole(file, lambda beside: [beside.write(bytes(1_000_000)) for _ in range(3)])
    monkeypatch.undo()
    assert file.read_bytes() == b"good"
    assert os.listdir(file.parent) == ["last.ckpt"]


def test_an_error_of_what_is_to_be_written_is_its_own(file: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_whole(file, lambda beside: beside.write((file.parent / "none").read_bytes()))
    assert os.listdir(file.parent) == ["last.ckpt"]
