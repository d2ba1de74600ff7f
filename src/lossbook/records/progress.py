"""``progress.json``: the epoch of the job that runs in a folder, for the display of a sweep; removed when it ends."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PROGRESS = "progress.json"
_PART = f".{PROGRESS}.part"
_PERIOD_S = 0.2  # between two updates: epochs may be shorter


class ProgressFile:
    """Writes how many epochs a run has trained; a failure to write is ignored, for nothing depends on it.

    Args:
        folder: of the job.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._written = 0.0

    def update(self, epoch: int, epochs: int | None) -> None:
        """Write the number of finished epochs and how many there will be (None: not known), at most every 0.2 s."""
        if time.monotonic() - self._written >= _PERIOD_S:
            self._written = time.monotonic()
            self._write(epoch, epochs)

    def _write(self, epoch: int, epochs: int | None) -> None:
        with suppress(OSError):  # without fsync: the file says nothing after a crash
            (self.folder / _PART).write_text(json.dumps({"epoch": epoch, "epochs": epochs}))
            os.replace(self.folder / _PART, self.folder / PROGRESS)


@contextmanager
def progress_file(folder: Path) -> Iterator[ProgressFile]:
    """Keep a progress file in the folder within the block, at epoch 0 in the beginning."""
    file = ProgressFile(folder)
    file._write(0, None)
    try:
        yield file
    finally:
        remove_progress(folder)


def remove_progress(folder: Path) -> None:
    """Remove the progress file, which a killed job leaves behind."""
    with suppress(OSError):
        for name in (PROGRESS, _PART):
            (folder / name).unlink(missing_ok=True)


def read_progress(folder: Path) -> tuple[int, int | None]:
    """Return the number of finished epochs and of all (None: not known); 0 and None without a file."""
    try:
        values = json.loads((folder / PROGRESS).read_bytes())
        return int(values["epoch"]), values["epochs"]
    except (OSError, ValueError, KeyError, TypeError):
        return 0, None
