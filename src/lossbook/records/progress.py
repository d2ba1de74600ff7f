"""``progress.json``: the epoch of the job that runs in a folder, for the display of a sweep; removed when it ends."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

PROGRESS = "progress.json"
_PART = f".{PROGRESS}.part"


def write_progress(folder: Path, epoch: int, epochs: int | None) -> None:
    """Write the number of finished epochs, and of all (None: unknown); errors are ignored: nothing depends on it."""
    with suppress(OSError):  # without fsync: the file means nothing after a crash
        (folder / _PART).write_text(json.dumps({"epoch": epoch, "epochs": epochs}))
        os.replace(folder / _PART, folder / PROGRESS)


def read_progress(folder: Path) -> tuple[int, int | None]:
    """Return the number of finished epochs, and of all (None: unknown); 0 and None without a file."""
    try:
        values = json.loads((folder / PROGRESS).read_bytes())
        return int(values["epoch"]), values["epochs"]
    except (OSError, ValueError, KeyError, TypeError):
        return 0, None


def remove_progress(folder: Path) -> None:
    """Remove the file, which a killed job leaves behind."""
    with suppress(OSError):
        for name in (PROGRESS, _PART):
            (folder / name).unlink(missing_ok=True)
